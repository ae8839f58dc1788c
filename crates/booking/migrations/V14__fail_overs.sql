-- A sink may know more than the log: the database has failed over and lost its end.
alter table sink
    -- The number with which the sink ends, where the log does not know it. Nothing is carried there until a person has accepted it.
    add column ahead bigint,
    -- The number up to which a person has accepted that the sink's readers know what the log has lost.
    add column accepted bigint not null default 0;
