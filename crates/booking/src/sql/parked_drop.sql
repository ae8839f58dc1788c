-- Removes dead letters of a reader for good. $1 reader, $2 change_ids.
delete from parked
where reader = $1 and change_id = any($2::bigint[]) and dead_at is not null
