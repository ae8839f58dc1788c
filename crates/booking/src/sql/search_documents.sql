-- What the search knows of some events. $1 event_ids.
select event_id, version, event.slug, event.title, venue, coalesce(name, '') as place, coalesce(city, '') as city,
    coalesce(country, '') as country, lat, lon, coalesce(series.title, '') as series, category, image, starts_at, zone, currency,
    coalesce(prices.least, 0) as price_min, coalesce(prices.most, 0) as price_max, event_status, on_sale, sale_starts_at, sale_ends_at,
    published_at, coalesce(performing.names, '{}') as performers, coalesce(performing.aliases, '{}') as aliases
from event
left join venue using (venue_id)
left join series using (series_id)
left join lateral (
    select min(price) as least, max(price) as most from section where section.event_id = event.event_id
) as prices on true
left join lateral (
    select array_agg(performer.name order by position) as names,
        array(
            select unnest(aliases) from event_performer as named join performer using (performer_id)
            where named.event_id = event.event_id
        ) as aliases
    from event_performer
    join performer using (performer_id)
    where event_performer.event_id = event.event_id
) as performing on true
where event_id = any($1)
