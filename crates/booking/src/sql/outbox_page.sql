-- What happened, in order, with the booking it happened to. $1 after this number, $2 up to this one, $3 rows.
select happening.happening_id, happening.at, happening.event_id, happening.kind, happening.booking_id,
    booking.units, booking.amount
from happening
left join booking using (booking_id)
where happening.happening_id > $1 and happening.happening_id <= $2
order by happening.happening_id
limit $3
