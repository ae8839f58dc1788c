-- The evidence about an event, the strongest first. $1 event_id, $2 rows.
select kind, subject, score, why, evidence, fans, bookings, first_at, last_at, found_at
from signal
where event_id = $1
order by score desc, last_at desc, kind, subject
limit $2
