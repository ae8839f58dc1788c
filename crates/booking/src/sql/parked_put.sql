-- Parks messages that were begun with and may be done or not: each has had one attempt, and is due. $1 reader, $2 change_ids,
-- $3 messages.
insert into parked (reader, change_id, message, attempts, due_at, leased)
select $1, change_id, message, 1, now(), true
from unnest($2::bigint[], $3::text[]) as begun (change_id, message)
on conflict (reader, change_id) do nothing
