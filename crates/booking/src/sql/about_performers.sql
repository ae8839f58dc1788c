-- Who performs at an event, in order. $1 event_id.
select slug, name, aliases, headliner
from event_performer
join performer using (performer_id)
where event_id = $1
order by position
