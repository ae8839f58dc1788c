-- How far a sink has come: from which time on it knows, how old the oldest change is that it has not read, and what time it is.
-- $1 name.
select knows_from, now() as now,
    coalesce((
        select greatest(extract(epoch from now() - at), 0)::bigint
        from change_log
        where change_id > sink.position
        order by change_id
        limit 1
    ), 0) as lag_s
from sink
where name = $1
