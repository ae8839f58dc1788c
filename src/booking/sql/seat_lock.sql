-- Locks the candidates of a batch in key order and says which of them are free; rows that somebody else is changing are
-- left out, so that nobody waits. $1 event_id, $2 units.
select unit, held_until, held_until <= now() as free, now() as now
from seat
where event_id = $1 and unit = any($2)
order by unit
for update skip locked
