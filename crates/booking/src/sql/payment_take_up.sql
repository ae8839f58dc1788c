-- Takes up payments that are due, and puts each off: 20 s, then twice as long each time. $1 batch.
update payment
set drives = drives + 1, due_at = now() + interval '20 s' * power(2, least(drives, 5))
where payment_id = any(array(
    select payment_id
    from payment
    where state in ('started', 'refunding') and due_at <= now()
    order by due_at
    limit $1
    for update skip locked
))
returning payment_id, drives, state
