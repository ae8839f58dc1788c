-- Events of which seats are held at this moment, so that they will be asked about. $1 events.
select distinct event_id from booking where status = 'held' and expires_at > now() limit $1
