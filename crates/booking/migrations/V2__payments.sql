-- Payments that go on by themselves, step by step, and requests of organizers that are answered once.

-- The worker takes up what is due; each time it does, it comes back later.
alter table payment
    add column email    text check (length(email) <= 254),
    add column drives   integer not null default 0,
    add column due_at   timestamptz not null default now() + interval '20 s';

drop index payment_open;
create index payment_due on payment (due_at) where state in ('started', 'refunding');

-- The saga, readable: one row for each step and each compensation, written in the transaction that made it true.
--   started, confirmed, declined            the way there
--   refunding, refunded                     the way back: seats that had gone, or a booking that the organizer cancelled
create table payment_step (
    payment_id      uuid not null references payment,
    step_id         bigint generated always as identity,
    at              timestamptz not null default clock_timestamp(),
    step            text not null,
    by              text not null check (by in ('fan', 'webhook', 'worker', 'organizer')),
    detail          text,
    primary key (payment_id, step_id)
);

-- What organizers' requests were answered, by their idempotency keys.
create table answered (
    request_id      uuid primary key,
    request_print   uuid not null,
    status          smallint not null,
    body            text not null,
    at              timestamptz not null default now()
);

-- Seats that were sold can be given back now, which leaves the booking cancelled and its confirmation on record.
comment on column booking.confirmed_at is 'When it was paid; stays when the organizer cancels it later.';
