-- What in a sale does not look like people who buy for themselves, and what organizers do about it. Traces are keyed digests: the
-- key is another one each day and is removed with it, so that nothing leads from them to an address any more.

-- The traces of a hold. Not with the booking: they go with the log.
alter table change_log
    -- The network (/24, /48) that the fan came from.
    add column network      bigint,
    -- How old the first pass of the fan's session was.
    add column pass_age_ms  integer;

-- The key of a day (UTC), made by the first core that needs it. (Two random UUIDs: 244 bits.)
create table trace_key (
    day             date primary key,
    key             bytea not null default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
                    check (length(key) = 32)
);

-- The traces of a payment.
create table payment_trace (
    payment_id      uuid primary key,
    -- The mailbox that its mail address leads to.
    mailbox         bigint,
    -- The card, as the provider recognises it.
    card            bigint,
    at              timestamptz not null default now()
);

create index payment_trace_at on payment_trace (at);

-- Evidence. One row for what some bookings have in common; it grows with them.
create table signal (
    event_id        integer not null,
    kind            text not null,
    subject         text not null,
    score           double precision not null check (score between 0 and 1),
    why             text not null,
    evidence        text not null,
    -- Pseudonyms, as messages have them.
    fans            text[] not null,
    bookings        uuid[] not null,
    -- When the first of the bookings was held.
    first_at        timestamptz not null,
    -- When the last thing happened to one of them.
    last_at         timestamptz not null,
    found_at        timestamptz not null default now(),
    primary key (event_id, kind, subject)
);

create index signal_at on signal (last_at);

-- Bookings that an organizer looks at, or has looked at.
create table booking_review (
    booking_id      uuid primary key,
    -- True until it is released.
    held            boolean not null,
    reason          text not null,
    at              timestamptz not null default now()
);
