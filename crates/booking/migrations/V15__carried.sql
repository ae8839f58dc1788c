-- How far sinks were carried that cannot say it themselves. The number is written after the sink has confirmed what it was given.
create table carried (
    sink            text primary key,
    -- The number of the last message that the sink has confirmed.
    position        bigint not null check (position >= 0)
) with (fillfactor = 50);
