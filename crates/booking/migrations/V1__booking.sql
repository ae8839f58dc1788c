-- The booking core's tables. What is true is in here; everything in the core's memory can be made again from it.
--
-- A seat is free, held or sold by one comparison with the database's clock:
--   held_until = '-infinity'  free, never held
--   held_until <= now()       free again: the hold ended by itself, nobody had to do anything
--   held_until >  now()       held until then
--   held_until =  'infinity'  sold

create table event (
    event_id        integer primary key generated always as identity,
    slug            text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    title           text not null check (title <> ''),
    venue           text not null,
    starts_at       timestamptz not null,
    zone            text not null,
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    hold_s          integer not null check (hold_s between 1 and 86400),
    fan_seats_max   integer not null check (fan_seats_max between 1 and 100),
    on_sale         boolean not null default true,
    version         bigint not null default 1
);

create table section (
    event_id        integer not null references event,
    position        smallint not null,
    slug            text not null check (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    title           text not null check (title <> ''),
    kind            text not null check (kind in ('seated', 'standing')),
    tier            smallint not null check (tier >= 0),
    price           integer not null check (price >= 0),
    primary key (event_id, position),
    unique (event_id, slug)
);

-- Rows of seats from the stage backwards, seats from left to right; side by side in `seats` is side by side in the hall.
create table seat_row (
    event_id        integer not null,
    section         smallint not null,
    position        smallint not null,
    label           text not null check (label ~ '^[A-Za-z0-9]{1,8}$'),
    first_unit      integer not null check (first_unit >= 0),
    seats           text[] not null check (cardinality(seats) > 0),
    primary key (event_id, section, position),
    foreign key (event_id, section) references section
);

-- One row a seat. The unit is the seat's bit in the availability bitfield. No index holds a column that changes and half
-- of each page is left free, so that updates stay on their page (HOT) and the primary key never fills with dead entries.
create table seat (
    event_id        integer not null,
    unit            integer not null,
    held_until      timestamptz not null default '-infinity',
    booking_id      uuid,
    primary key (event_id, unit)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- The event of a booking is not a foreign key: the check costs more than the booking, and its seats are there or it is none.
-- The id is a digest of session and idempotency key: the same request again is the same booking, and cannot be another.
create table booking (
    booking_id      uuid primary key,
    event_id        integer not null,
    session         text not null,
    request_print   uuid not null,
    units           integer[] not null check (cardinality(units) > 0),
    amount          bigint not null check (amount >= 0),
    status          text not null default 'held' check (status in ('held', 'confirmed', 'expired', 'cancelled')),
    created_at      timestamptz not null default now(),
    expires_at      timestamptz not null,
    confirmed_at    timestamptz
) with (fillfactor = 80);

create index booking_of_session on booking (session, event_id);
create index booking_due on booking (expires_at) where status = 'held';

-- One row a payment, from the first intent to its end: the saga can be read here.
--   started -> confirmed              charged, seats sold
--   started -> declined               the provider said no
--   started -> refunding -> refunded  charged, but the seats had gone to somebody else
create table payment (
    payment_id      uuid primary key,
    booking_id      uuid not null references booking,
    session         text not null,
    request_print   uuid not null,
    token           text not null,
    amount          bigint not null,
    currency        text not null,
    state           text not null default 'started'
                    check (state in ('started', 'confirmed', 'declined', 'refunding', 'refunded')),
    charge          text,
    reason          text,
    answer_status   smallint,
    answer_body     text,
    started_at      timestamptz not null default now(),
    settled_at      timestamptz
);

create index payment_of_booking on payment (booking_id);
create unique index payment_confirmed_once on payment (booking_id) where state = 'confirmed';
create index payment_open on payment (started_at) where state in ('started', 'refunding');

-- What happened, written in the transaction in which it happened. Readers take what lies below the oldest transaction
-- that is still running, so that nothing that commits late is passed over.
create table happening (
    tx              xid8 not null default pg_current_xact_id(),
    happening_id    bigint generated always as identity,
    at              timestamptz not null default now(),
    core            uuid,
    event_id        integer not null,
    kind            text not null check (kind in ('held', 'booked', 'expired', 'cancelled', 'refunded', 'edited')),
    booking_id      uuid,
    units           integer[] not null default '{}',
    primary key (tx, happening_id)
);
