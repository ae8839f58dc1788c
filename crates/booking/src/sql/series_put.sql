-- What is said about a run of dates from now on. Its other events get a new version if that is something else than before.
-- $1 event_id, $2 slug, $3 title.
with put as (
    insert into series as known (slug, title)
    values ($2, $3)
    on conflict (slug) do update set title = excluded.title where known.title <> excluded.title
    returning series_id
), others as (
    update event set version = version + 1
    where series_id = (select series_id from put) and event_id <> $1::integer
    returning event_id
)
insert into change_log (event_id, kind) select event_id, 'edited' from others
