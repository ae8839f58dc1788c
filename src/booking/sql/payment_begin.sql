-- Writes the intent before the provider is asked; the booking is locked. $1 payment_id, $2 booking_id, $3 session,
-- $4 request_print, $5 token, $6 amount, $7 currency.
insert into payment (payment_id, booking_id, session, request_print, token, amount, currency)
values ($1, $2, $3, $4, $5, $6, $7)
