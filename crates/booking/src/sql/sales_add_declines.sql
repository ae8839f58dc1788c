-- Adds why payments were declined; arrays of the same length. $1 event_id, $2 reason, $3 payments.
insert into sales_decline (event_id, reason, payments)
select told.event_id,
    case
        when known.reason is null
            and (select count(*) from sales_decline where sales_decline.event_id = told.event_id) >= 50
        then 'other'
        else told.reason
    end as reason,
    sum(told.payments)
from unnest($1::integer[], $2::text[], $3::integer[]) as told (event_id, reason, payments)
left join sales_decline as known on known.event_id = told.event_id and known.reason = told.reason
group by 1, 2
on conflict (event_id, reason) do update set payments = sales_decline.payments + excluded.payments
