-- The sections of an event in the order of their bits. $1 event_id.
select position, slug, title, kind, tier, price
from section
where event_id = $1
order by position
