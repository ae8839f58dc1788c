-- Forgets what payments had in common. $1 seconds kept, $2 rows.
delete from payment_trace
where payment_id = any(array(
    select payment_id
    from payment_trace
    where at < now() - make_interval(secs => $1)
    order by at
    limit $2
))
