-- Who buys, and why payments are declined: counted from the log of changes like sales. And whom to tell when a webhook is switched off.

-- What fans have bought, less what came back, by their pseudonyms.
create table sales_fan (
    event_id        integer not null,
    -- The pseudonym, as messages have it.
    fan             bigint not null,
    bookings        integer not null,
    seats           integer not null,
    primary key (event_id, fan)
);

-- What the provider said to payments that it declined; a reason beyond the fiftieth of an event is `other`.
create table sales_decline (
    event_id        integer not null,
    reason          text not null,
    payments        integer not null,
    primary key (event_id, reason)
);

alter table hook
    -- The mail address of whoever looks after it.
    add column contact      text check (length(contact) <= 254),
    -- True once that address was told that it is off.
    add column off_told     boolean not null default true;

-- Those that are kept back: their tickets admit nobody.
create index booking_review_held on booking_review (booking_id) where held;
