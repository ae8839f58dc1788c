-- Bookings by number: the first 50 bits of their ids. $1 the lowest id, $2 the highest.
select booking_id from booking where booking_id between $1 and $2 limit 2
