-- Takes messages that are due, for the time of a lease, unless somebody else is just taking them. $1 reader, $2 rows, $3 seconds of
-- the lease, $4 true for those whose lease has ended: whoever took them has died.
with due as materialized (
    select change_id
    from parked
    where reader = $1 and dead_at is null and due_at <= now() and leased = $4
    order by due_at
    limit $2
    for update skip locked
)
update parked
set attempts = attempts + 1, due_at = now() + make_interval(secs => $3), leased = true
where reader = $1 and change_id = any(array(select change_id from due))
returning change_id, message, attempts
