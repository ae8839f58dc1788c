-- A new event, unless its slug is taken.
-- $1 slug, $2 title, $3 venue, $4 starts_at, $5 zone, $6 currency, $7 hold_s, $8 fan_seats_max, $9 on_sale,
-- $10 sale_starts_at, $11 sale_ends_at, $12 hold_total_max_s, $13 status, $14 published_at, $15 doors_at.
insert into event (slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max, on_sale, sale_starts_at, sale_ends_at,
    hold_total_max_s, event_status, published_at, doors_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict (slug) do nothing
returning event_id
