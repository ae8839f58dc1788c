-- Why payments for an event were declined, the most frequent first. $1 event_id.
select reason, payments::bigint
from sales_decline
where event_id = $1
order by payments desc, reason
