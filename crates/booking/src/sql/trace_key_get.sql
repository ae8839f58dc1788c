-- The key of this day (UTC).
select key from trace_key where day = (now() at time zone 'utc')::date
