-- The bookings of a session that concern its fan, newest first: live ones, and those whose money is under way or was given
-- back, whatever became of the seats. $1 session.
select booking_id, event_id, units, amount, created_at, expires_at,
    case when status = 'held' and expires_at <= now() then 'expired' else status end as status,
    told.payment_id, told.state as payment_state, told.reason as payment_reason
from booking
left join lateral (
    select payment_id, state, reason
    from payment
    where payment.booking_id = booking.booking_id
    order by case state when 'confirmed' then 0 when 'started' then 1 when 'refunding' then 2 else 3 end, started_at desc
    limit 1
) as told on true
where session = $1
    and (status = 'confirmed' or (status = 'held' and expires_at > now()) or told.state in ('started', 'refunding', 'refunded'))
order by created_at desc
limit 20
