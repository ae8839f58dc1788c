-- Ends the session that has a sink's turn and has not been seen for long: its process is frozen. $1 name, $2 seconds.
select pg_terminate_backend(pid) as is_ended
from pg_locks
where locktype = 'advisory' and granted and objsubid = 2
    and classid = (hashtext('fairgate.sink')::bigint & 4294967295)::oid
    and objid = (hashtext($1)::bigint & 4294967295)::oid
    and database = (select oid from pg_database where datname = current_database())
    and exists (select from sink where name = $1 and seen_at < now() - make_interval(secs => $2))
