-- Adds what happened to slices; arrays of the same length. $1 event_id, $2 at, $3 section, then the counts: $4 holds,
-- $5 held_seats, $6 payments, $7 declined, $8 bookings, $9 sold_seats, $10 gross, $11 expired, $12 expired_seats, $13 returned,
-- $14 returned_seats, $15 refunds, $16 refunded.
insert into sales_slice
select *
from unnest(
    $1::integer[], $2::timestamptz[], $3::smallint[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::integer[],
    $9::integer[], $10::bigint[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::integer[], $16::bigint[]
)
on conflict (event_id, at, section) do update
set holds = sales_slice.holds + excluded.holds,
    held_seats = sales_slice.held_seats + excluded.held_seats,
    payments = sales_slice.payments + excluded.payments,
    declined = sales_slice.declined + excluded.declined,
    bookings = sales_slice.bookings + excluded.bookings,
    sold_seats = sales_slice.sold_seats + excluded.sold_seats,
    gross = sales_slice.gross + excluded.gross,
    expired = sales_slice.expired + excluded.expired,
    expired_seats = sales_slice.expired_seats + excluded.expired_seats,
    returned = sales_slice.returned + excluded.returned,
    returned_seats = sales_slice.returned_seats + excluded.returned_seats,
    refunds = sales_slice.refunds + excluded.refunds,
    refunded = sales_slice.refunded + excluded.refunded
