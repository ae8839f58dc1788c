-- All seats of an event, free. $1 event_id, $2 seats.
insert into seat (event_id, unit)
select $1::integer, unit from generate_series(0, $2::integer - 1) as unit
