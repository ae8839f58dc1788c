-- The state of every seat, once when the core starts. $1 event_id.
select unit, held_until, now() as now
from seat
where event_id = $1
order by unit
