-- One booking, for its organizer. $1 booking_id.
select booking_id, event_id, units, amount, expires_at,
    case when status = 'held' and expires_at <= now() then 'expired' else status end as status
from booking
where booking_id = $1
