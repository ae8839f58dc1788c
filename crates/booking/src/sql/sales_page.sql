-- What happened to bookings, in order, with what they have in common. $1 after this number, $2 up to this one, $3 rows.
select change_log.change_id, change_log.at, change_log.event_id, change_log.kind, change_log.booking_id, change_log.network,
    change_log.pass_age_ms, booking.session, booking.units, booking.amount, booking.created_at, booking.confirmed_at,
    payment_trace.mailbox, payment_trace.card, payment.reason
from change_log
join booking using (booking_id)
left join payment on payment.payment_id = change_log.cause
left join payment_trace on payment_trace.payment_id = change_log.cause
where change_log.change_id > $1 and change_log.change_id <= $2
order by change_log.change_id
limit $3
