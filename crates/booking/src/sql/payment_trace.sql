-- Writes down what a payment has in common with others; what is known of it stays. $1 payment_id, $2 mailbox, $3 card.
insert into payment_trace (payment_id, mailbox, card)
select payment_id, $2::bigint, $3::bigint
from payment
where payment_id = $1::uuid
on conflict (payment_id) do update
set mailbox = coalesce(payment_trace.mailbox, excluded.mailbox), card = coalesce(payment_trace.card, excluded.card)
