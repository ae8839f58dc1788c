-- How long an event's bookings took from hold to payment. $1 event_id.
select bucket, bookings from sales_pay_time where event_id = $1 order by bucket
