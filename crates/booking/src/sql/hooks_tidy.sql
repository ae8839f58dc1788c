-- Forgets readers whose system is off or gone, once nobody has worked for them for a while, so that they keep nothing in the log. What
-- waits for a system that is off is kept; for one that is gone it is not.
with unregistered as (
    delete from sink
    where name like 'hook-%' and seen_at < now() - interval '30 s'
        and not exists (select from hook where 'hook-' || hook.name = sink.name and hook.off_at is null)
)
delete from parked
where reader like 'hook-%' and not exists (select from hook where 'hook-' || hook.name = parked.reader)
