-- Emits to every core what was done to an event. $1 event_id, $2 kinds.
with emitted as (
    insert into change_log (event_id, kind) select $1::integer, unnest($2::text[])
)
select pg_notify('fairgate', '')
