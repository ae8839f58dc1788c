-- A new event, unless its slug is taken.
-- $1 slug, $2 title, $3 venue, $4 starts_at, $5 zone, $6 currency, $7 hold_s, $8 fan_seats_max.
insert into event (slug, title, venue, starts_at, zone, currency, hold_s, fan_seats_max)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (slug) do nothing
returning event_id
