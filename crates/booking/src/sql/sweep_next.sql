-- Milliseconds until the next hold ends; null when nothing is held.
select greatest(0, ceil(extract(epoch from expires_at - clock_timestamp()) * 1000))::bigint as wait_ms
from booking
where status = 'held'
order by expires_at
limit 1
