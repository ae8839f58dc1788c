-- Whether another payment for a booking is under way. $1 booking_id, $2 payment_id.
select exists (
    select from payment where booking_id = $1 and payment_id <> $2 and state in ('started', 'refunding')
) as under_way
