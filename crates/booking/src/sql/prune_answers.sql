-- Forgets what organizers' requests were answered. $1 seconds kept, $2 rows.
delete from answered
where request_id = any(array(
    select request_id
    from answered
    where at < now() - make_interval(secs => $1)
    order by at
    limit $2
))
