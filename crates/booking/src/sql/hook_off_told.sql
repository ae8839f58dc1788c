-- Notes that the contact of a system was told that it is off. $1 name, $2 version.
update hook set off_told = true where name = $1 and version = $2
