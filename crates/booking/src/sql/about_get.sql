-- What is said about an event besides what selling it needs. $1 event_id.
select category, description, image, venue.slug as venue_slug, name, city, country, lat, lon,
    series.slug as series_slug, series.title as series_title
from event
left join venue using (venue_id)
left join series using (series_id)
where event_id = $1
