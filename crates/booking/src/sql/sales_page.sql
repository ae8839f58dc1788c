-- What happened to bookings, in order. $1 after this number, $2 up to this one, $3 rows.
select change_log.change_id, change_log.at, change_log.event_id, change_log.kind,
    booking.units, booking.amount, booking.created_at, booking.confirmed_at
from change_log
join booking using (booking_id)
where change_log.change_id > $1 and change_log.change_id <= $2
order by change_log.change_id
limit $3
