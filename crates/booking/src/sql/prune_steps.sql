-- Removes the steps of payments that were settled long ago (an open one is not); the payments themselves stay.
-- $1 seconds kept, $2 rows.
with old as materialized (
    select payment_id, step_id
    from payment_step
    join payment using (payment_id)
    where payment_step.at < now() - make_interval(secs => $1) and payment.settled_at < now() - make_interval(secs => $1)
    order by payment_step.at
    limit $2
)
delete from payment_step
where payment_id = any(array(select payment_id from old)) and step_id = any(array(select step_id from old))
