-- Takes over what the organizer edited, if nobody has edited the event since; says whether it moved in place or time.
-- $1 event_id, $2 version, $3 title, $4 venue, $5 starts_at, $6 zone, $7 hold_s, $8 fan_seats_max, $9 on_sale,
-- $10 sale_starts_at, $11 sale_ends_at, $12 hold_total_max_s, $13 status, $14 published_at, $15 doors_at.
with before as materialized (
    select venue, starts_at, zone from event where event_id = $1
), edited as (
    update event
    set title = $3, venue = $4, starts_at = $5, zone = $6, hold_s = $7, fan_seats_max = $8, on_sale = $9,
        sale_starts_at = $10, sale_ends_at = $11, hold_total_max_s = $12, event_status = $13, published_at = $14, doors_at = $15,
        version = version + 1
    where event_id = $1 and version = $2
    returning version, venue, starts_at, zone
)
select edited.version,
    (before.venue, before.starts_at, before.zone) is distinct from (edited.venue, edited.starts_at, edited.zone) as has_moved
from edited, before
