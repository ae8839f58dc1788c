-- Names that say what a thing is: the log of changes, the numbers in it, and the fingerprints of requests. Only names change, so
-- this takes a moment whatever the tables hold.

alter table happening rename to change_log;
alter table change_log rename column happening_id to change_id;
alter table change_log rename constraint happening_pkey to change_log_pkey;
alter table change_log rename constraint happening_kind_check to change_log_kind_check;
alter index happening_in_order rename to change_log_in_order;
alter sequence happening_happening_id_seq rename to change_log_change_id_seq;

alter table mail_sent rename column happening_id to change_id;
alter table published rename column happening_id to change_id;

alter table booking rename column request_print to request_fingerprint;
alter table payment rename column request_print to request_fingerprint;
alter table answered rename column request_print to request_fingerprint;

-- As it was, with a name for the payment that decides.
create or replace view booking_now as
select booking_id, event_id, session, units, amount, created_at, expires_at,
    case when status = 'held' and expires_at <= now() then 'expired' else status end as status,
    furthest.payment_id, furthest.state as payment_state, furthest.reason as payment_reason
from booking
left join lateral (
    select payment_id, state, reason
    from payment
    where payment.booking_id = booking.booking_id
    order by case state when 'confirmed' then 0 when 'started' then 1 when 'refunding' then 2 else 3 end, started_at desc
    limit 1
) as furthest on true;
