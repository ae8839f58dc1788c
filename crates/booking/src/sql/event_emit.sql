-- Emits to every core that an event was made or edited. $1 event_id.
with emitted as (
    insert into change_log (event_id, kind) values ($1, 'edited')
)
select pg_notify('fairgate', '')
