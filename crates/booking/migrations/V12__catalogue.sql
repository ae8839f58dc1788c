-- What is said about events besides their seats: places, performers and runs of dates, each known by a slug and shared by events.

create table venue (
    venue_id        integer primary key generated always as identity,
    slug            text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    name            text not null check (name <> ''),
    city            text not null check (city <> ''),
    -- ISO 3166-1 alpha-2, or nothing.
    country         text not null check (country ~ '^([A-Z]{2})?$'),
    -- WGS 84, in degrees.
    lat             double precision check (lat between -90 and 90),
    lon             double precision check (lon between -180 and 180),
    check ((lat is null) = (lon is null))
);

create table performer (
    performer_id    integer primary key generated always as identity,
    slug            text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    name            text not null check (name <> ''),
    -- Other names under which people look for them.
    aliases         text[] not null default '{}'
);

-- A run of dates.
create table series (
    series_id       integer primary key generated always as identity,
    slug            text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    title           text not null check (title <> '')
);

-- `event.venue` stays what people are told; the venue is what it is found by.
alter table event
    add column venue_id     integer references venue,
    add column series_id    integer references series,
    add column category     text not null default '',
    add column description  text not null default '',
    add column image        text,
    -- Not `status`: statements of the program of before, which name that of a booking beside events, go on working.
    add column event_status text not null default 'scheduled' check (event_status in ('scheduled', 'postponed', 'called_off')),
    -- From when it is in lists and is found; null has no bound.
    add column published_at timestamptz,
    add column doors_at     timestamptz;

create index event_of_venue on event (venue_id) where venue_id is not null;
create index event_of_series on event (series_id) where series_id is not null;

-- Who performs, in the order in which they are named.
create table event_performer (
    event_id        integer not null references event,
    position        smallint not null,
    performer_id    integer not null references performer,
    headliner       boolean not null,
    primary key (event_id, position)
);

create index event_of_performer on event_performer (performer_id);
