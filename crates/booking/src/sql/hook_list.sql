-- The systems that are told what happens, by name, with how many messages wait for each and how many are dead.
select name, url, topics, allow_private, contact, failing_since, off_at, off_reason,
    (select count(*) from parked where reader = 'hook-' || hook.name and dead_at is null) as waiting,
    (select count(*) from parked where reader = 'hook-' || hook.name and dead_at is not null) as dead
from hook
order by name
