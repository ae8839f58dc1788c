-- What happened of some kinds, in order, with the booking it happened to. $1 after this number, $2 up to this one, $3 rows, $4 kinds.
select change_log.change_id, change_log.at, change_log.event_id, change_log.kind, change_log.cause, change_log.booking_id,
    booking.units, booking.amount, booking.session
from change_log
left join booking using (booking_id)
where change_log.change_id > $1 and change_log.change_id <= $2 and change_log.kind = any($4::text[])
order by change_log.change_id
limit $3
