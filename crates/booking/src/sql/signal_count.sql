-- How many pieces of evidence there are about an event. $1 event_id.
select count(*) as signals from signal where event_id = $1
