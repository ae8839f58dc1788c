-- Switches a system off. $1 name, $2 why, $3 true if its contact is to be told.
update hook
set off_at = now(), off_reason = $2, off_told = not $3
where name = $1 and off_at is null
returning name
