-- What is said about a performer from now on. Their other events get a new version if that is something else than before.
-- $1 event_id, $2 slug, $3 name, $4 aliases.
with put as (
    insert into performer as known (slug, name, aliases)
    values ($2, $3, $4)
    on conflict (slug) do update set name = excluded.name, aliases = excluded.aliases
    where (known.name, known.aliases) is distinct from (excluded.name, excluded.aliases)
    returning performer_id
), others as (
    update event set version = version + 1
    where event_id in (select event_id from event_performer where performer_id = (select performer_id from put))
        and event_id <> $1::integer
    returning event_id
)
insert into change_log (event_id, kind) select event_id, 'edited' from others
