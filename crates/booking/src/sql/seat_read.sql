-- The state of the seats that the feed said have changed. $1 event_id, $2 units.
select unit, held_until
from seat
where event_id = $1 and unit = any($2)
