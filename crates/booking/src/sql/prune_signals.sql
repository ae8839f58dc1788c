-- Forgets evidence that nothing was added to for long. $1 seconds kept, $2 rows.
delete from signal
where (event_id, kind, subject) in (
    select event_id, kind, subject
    from signal
    where last_at < now() - make_interval(secs => $1)
    order by last_at
    limit $2
)
