-- Wakes everybody who follows what happens.
select pg_notify('fairgate', '')
