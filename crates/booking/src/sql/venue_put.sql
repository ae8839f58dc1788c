-- What is said about a venue from now on. Its other events get a new version if that is something else than before.
-- $1 event_id, $2 slug, $3 name, $4 city, $5 country, $6 lat, $7 lon.
with put as (
    insert into venue as known (slug, name, city, country, lat, lon)
    values ($2, $3, $4, $5, $6, $7)
    on conflict (slug) do update
    set name = excluded.name, city = excluded.city, country = excluded.country, lat = excluded.lat, lon = excluded.lon
    where (known.name, known.city, known.country, known.lat, known.lon)
        is distinct from (excluded.name, excluded.city, excluded.country, excluded.lat, excluded.lon)
    returning venue_id
), others as (
    update event set version = version + 1
    where venue_id = (select venue_id from put) and event_id <> $1::integer
    returning event_id
)
insert into change_log (event_id, kind) select event_id, 'edited' from others
