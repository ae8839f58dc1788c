-- Who reads the log of changes, and how far each has come: nothing is removed that one of them has not read. It takes the place of
-- the one number that one relay noted.
create table sink (
    name            text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    -- The number up to which it has read the log.
    position        bigint not null check (position >= 0),
    -- The number up to which it has begun to work; what lies between the two may be done or not.
    taken           bigint not null check (taken >= position),
    -- Counts those who had its turn. Whoever had it before can note nothing any more.
    epoch           bigint not null default 1,
    seen_at         timestamptz not null default now(),
    -- What happened before is not known to it.
    knows_from      timestamptz not null
) with (fillfactor = 50);

insert into sink (name, position, taken, knows_from)
select 'redis', change_id, change_id, coalesce((select at from change_log order by change_id limit 1), now())
from published
where only_row and change_id > 0;

drop table published;

-- What programs of the version before look at, and write to. Their pruners see the lowest position of all sinks, their relay notes
-- that of the sink `redis`. It goes with the version after this one.
create view published as
select true as only_row, coalesce((select min(position) from sink), 0) as change_id;

create rule published_is_noted as on update to published do instead
insert into sink (name, position, taken, knows_from)
values ('redis', new.change_id, new.change_id, now())
on conflict (name) do update
set position = excluded.position, taken = greatest(sink.taken, excluded.taken), seen_at = now();
