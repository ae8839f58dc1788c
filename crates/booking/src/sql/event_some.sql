-- What is said about some events. $1 event_ids.
select event_id, slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max, on_sale, sale_starts_at, sale_ends_at,
    hold_total_max_s, event_status, published_at, doors_at, version
from event
where event_id = any($1)
