-- Gives dead letters back to their reader, each with all its attempts. $1 reader, $2 change_ids.
update parked
set dead_at = null, attempts = 0, due_at = now(), leased = false
where reader = $1 and change_id = any($2::bigint[]) and dead_at is not null
