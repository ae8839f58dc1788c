-- Payments that nobody has brought to an end for a while: their worker died between two steps. $1 seconds, $2 batch.
select payment_id
from payment
where state in ('started', 'refunding') and started_at < now() - make_interval(secs => $1)
order by started_at
limit $2
