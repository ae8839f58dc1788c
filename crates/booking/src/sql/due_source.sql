-- What the reminder of a paid booking follows from. $1 booking_id.
select booking.event_id, event.starts_at, event.zone, (
    select payment.zone from payment where payment.booking_id = booking.booking_id and payment.state = 'confirmed'
) as recipient_zone
from booking
join event using (event_id)
where booking.booking_id = $1 and booking.status = 'confirmed'
