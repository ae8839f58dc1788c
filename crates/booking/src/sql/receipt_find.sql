-- Bookings by number (the first 50 bits of their ids), each with the mail addresses that were given when it was paid.
-- $1 the lowest id, $2 the highest.
select booking_id, array(
    select lower(email) from payment where payment.booking_id = booking.booking_id and email is not null limit 100
) as emails
from booking
where booking_id between $1 and $2
limit 4
