-- Switches a system on again: it is told what happens from now on, and what waited for it. $1 name, $2 the name of its reader.
with switched as (
    update hook
    set off_at = null, off_reason = '', off_told = true, failing_since = null, version = gen_random_uuid()
    where name = $1 and off_at is not null
    returning name
), reads as (
    insert into sink (name, position, taken, knows_from)
    select $2, coalesce(max(change_id), 0), coalesce(max(change_id), 0), now()
    from change_log
    having exists (select from switched)
    on conflict (name) do nothing
)
select name from switched
