-- Parks a message that failed; it is due again after its wait, or dead. $1 reader, $2 change_id, $3 message, $4 attempts,
-- $5 seconds to wait, null if it is dead, $6 reason.
insert into parked (reader, change_id, message, attempts, due_at, reason, dead_at)
values (
    $1, $2, $3, $4, now() + make_interval(secs => coalesce($5::float8, 0)), $6,
    case when $5::float8 is null then clock_timestamp() end
)
on conflict (reader, change_id) do update
set attempts = excluded.attempts, due_at = excluded.due_at, leased = false, reason = excluded.reason,
    dead_at = excluded.dead_at
