-- Writes the intent before the provider is asked; the booking is locked. $1 payment_id, $2 booking_id, $3 session,
-- $4 request_fingerprint, $5 token, $6 amount, $7 currency, $8 email, $9 zone.
with begun as (
    insert into payment (payment_id, booking_id, session, request_fingerprint, token, amount, currency, email, zone)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    returning payment_id, booking_id
), emitted as (
    insert into change_log (event_id, kind, booking_id, cause)
    select event_id, 'payment_started', booking_id, payment_id
    from begun
    join booking using (booking_id)
)
insert into payment_step (payment_id, step, by) select payment_id, 'started', 'fan' from begun
