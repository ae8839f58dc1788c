-- The rows of an event in the order of their bits. $1 event_id.
select section, label, first_unit, seats
from seat_row
where event_id = $1
order by section, position
