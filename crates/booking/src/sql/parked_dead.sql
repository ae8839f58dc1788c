-- The dead letters of a reader, the oldest first. $1 reader, $2 rows.
select change_id, message, reason, attempts
from parked
where reader = $1 and dead_at is not null
order by dead_at, change_id
limit $2
