-- What is said about events, in the order of their keys. $1 after this event_id, $2 rows.
select event_id, slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max, on_sale, sale_starts_at, sale_ends_at,
    hold_total_max_s, event_status, published_at, doors_at, version
from event
where event_id > $1
order by event_id
limit $2
