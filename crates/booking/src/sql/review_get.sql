-- Whether a booking is in review. $1 booking_id.
select held, reason, at from booking_review where booking_id = $1
