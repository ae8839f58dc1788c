-- Forgets reminders of events that have begun a day ago. $1 now.
delete from due using event where event.event_id = due.event_id and event.starts_at < $1::timestamptz - interval '1 day'
