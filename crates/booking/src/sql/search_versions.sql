-- Which version each event has, in the order of their keys. $1 after this event_id, $2 rows.
select event_id, version
from event
where event_id > $1
order by event_id
limit $2
