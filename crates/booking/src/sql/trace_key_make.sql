-- Makes the key of this day (UTC) unless some core has, and forgets those of the days before.
with gone as (
    delete from trace_key where day < (now() at time zone 'utc')::date
)
insert into trace_key (day)
values ((now() at time zone 'utc')::date)
on conflict (day) do nothing
