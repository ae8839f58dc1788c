-- Notes that a system has taken a message, or has not, and says for how many seconds it has taken nothing. $1 name, $2 true if it has.
update hook
set failing_since = case when $2 then null else coalesce(failing_since, now()) end
where name = $1
returning coalesce(extract(epoch from now() - failing_since), 0)::float8 as failing_s
