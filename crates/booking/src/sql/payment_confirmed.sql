-- The payment that bought a booking; the booking is locked. $1 booking_id.
select payment_id from payment where booking_id = $1 and state = 'confirmed'
