-- What readers of the change log could not finish. The log itself is their queue: only what failed is a row here.
create table parked (
    reader          text not null,
    change_id       bigint not null,
    -- The message, because the log forgets it sooner.
    message         text not null,
    attempts        integer not null,
    due_at          timestamptz not null,
    -- True while somebody works on it. Due and leased: whoever did has died.
    leased          boolean not null default false,
    reason          text not null default '',
    dead_at         timestamptz,
    primary key (reader, change_id)
) with (fillfactor = 70);

create index parked_due on parked (reader, due_at) where dead_at is null;
create index parked_dead on parked (reader, dead_at) where dead_at is not null;
