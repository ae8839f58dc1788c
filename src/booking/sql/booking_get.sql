-- One booking of a session. $1 booking_id, $2 session.
select booking_id, event_id, units, amount, expires_at,
    case when status = 'held' and expires_at <= now() then 'expired' else status end as status
from booking
where booking_id = $1 and session = $2
