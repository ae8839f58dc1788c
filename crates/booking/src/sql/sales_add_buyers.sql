-- Adds what fans have bought, or gave back; arrays of the same length. $1 event_id, $2 fan, $3 bookings, $4 seats.
insert into sales_fan
select * from unnest($1::integer[], $2::bigint[], $3::integer[], $4::integer[])
on conflict (event_id, fan) do update
set bookings = sales_fan.bookings + excluded.bookings, seats = sales_fan.seats + excluded.seats
