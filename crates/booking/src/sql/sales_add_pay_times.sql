-- Adds how long bookings took; arrays of the same length. $1 event_id, $2 bucket, $3 bookings.
insert into sales_pay_time
select * from unnest($1::integer[], $2::smallint[], $3::integer[])
on conflict (event_id, bucket) do update set bookings = sales_pay_time.bookings + excluded.bookings
