-- The sinks that are registered, by name. For each: how far it has come, how many numbers and whole seconds the log is ahead of it,
-- how many seconds ago it was seen, from which time on it knows,
-- and the number with which it ends where the log does not know it.
select name, position, epoch, knows_from, ahead,
    greatest(coalesce((select change_id from change_log order by change_id desc limit 1), 0) - position, 0) as lag_rows,
    coalesce((
        select greatest(extract(epoch from now() - at), 0)::bigint
        from change_log
        where change_id > sink.position
        order by change_id
        limit 1
    ), 0) as lag_s,
    greatest(extract(epoch from now() - seen_at), 0)::bigint as seen_s
from sink
order by name
