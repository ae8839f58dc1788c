-- Locks the candidates of a batch in key order and says which of them are free, and which are not and until when; rows that
-- somebody else is changing are left out, so that nobody waits. $1 event_id, $2 units.
with locked as materialized (
    select unit, held_until
    from seat
    where event_id = $1 and unit = any($2)
    order by unit
    for update skip locked
)
select coalesce(array_agg(unit) filter (where held_until <= now()), '{}') as free,
    coalesce(array_agg(unit) filter (where held_until > now()), '{}') as taken,
    coalesce(array_agg(held_until) filter (where held_until > now()), '{}') as taken_until
from locked
