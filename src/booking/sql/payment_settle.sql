-- Ends (or moves on) a payment, with the answer that its key gets from now on.
-- $1 payment_id, $2 state, $3 charge, $4 reason, $5 answer_status, $6 answer_body.
update payment
set state = $2, charge = coalesce($3, charge), reason = coalesce($4, reason),
    answer_status = $5, answer_body = $6, settled_at = case when $2 = 'refunding' then null else now() end
where payment_id = $1 and state in ('started', 'refunding')
