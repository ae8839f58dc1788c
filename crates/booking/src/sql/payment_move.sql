-- Moves a payment on, writes the step down and emits it; its booking is locked. The first answer stays the answer of its key. (A
-- confirmed payment is a booking: that is emitted with its seats.)
-- $1 payment_id, $2 state, $3 charge, $4 reason, $5 answer_status, $6 answer_body, $7 step, $8 by.
with moved as (
    update payment
    set state = $2, charge = coalesce($3, charge), reason = coalesce($4, reason),
        answer_status = coalesce(answer_status, $5), answer_body = coalesce(answer_body, $6),
        due_at = now() + interval '20 s', drives = 0,
        settled_at = case when $2 = 'refunding' then null else now() end
    where payment_id = $1
    returning payment_id, booking_id, state
), emitted as (
    insert into change_log (event_id, kind, booking_id, cause)
    select event_id, case state when 'refunding' then 'refund_started' else state end, booking_id, payment_id
    from moved
    join booking using (booking_id)
    where state in ('declined', 'refunding', 'refunded')
)
insert into payment_step (payment_id, step, by, detail) select payment_id, $7, $8, $4 from moved
