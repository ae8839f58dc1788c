-- Switches a system off. $1 name, $2 why.
update hook set off_at = now(), off_reason = $2 where name = $1 and off_at is null returning name
