-- Adds a system that is told what happens from now on, unless there is one of that name, or there are enough. $1 name, $2 url,
-- $3 secret, $4 topics, $5 allow_private, $6 how many there may be, $7 the name of its reader, $8 contact.
with added as (
    insert into hook (name, url, secret, topics, allow_private, contact)
    select $1, $2, $3, $4, $5, $8
    where (select count(*) from hook) < $6
    on conflict (name) do nothing
    returning name
), reads as (
    insert into sink (name, position, taken, knows_from)
    select $7, coalesce(max(change_id), 0), coalesce(max(change_id), 0), now()
    from change_log
    having exists (select from added)
    on conflict (name) do nothing
)
select name from added
