-- Tells every core that an event was made or edited. $1 event_id.
with told as (
    insert into happening (event_id, kind) values ($1, 'edited')
)
select pg_notify('fairgate', '')
