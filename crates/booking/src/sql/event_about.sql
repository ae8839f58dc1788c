-- What is said about an event from now on. $1 event_id, $2 category, $3 description, $4 image, $5 venue's slug, $6 series' slug.
update event
set category = $2, description = $3, image = $4,
    venue_id = (select venue_id from venue where slug = $5),
    series_id = (select series_id from series where slug = $6)
where event_id = $1
