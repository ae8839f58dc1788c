-- Removes a system. $1 name.
delete from hook where name = $1 returning name
