-- What organizers ask while a sale runs, counted from the log of changes. Each row is written in the transaction that notes how far
-- the log was read, so nothing is counted twice and nothing is left out.

-- What happened in ten seconds, by the section of a booking's first seat.
create table sales_slice (
    event_id        integer not null,
    at              timestamptz not null,
    section         smallint not null,
    holds           integer not null,
    held_seats      integer not null,
    payments        integer not null,
    declined        integer not null,
    bookings        integer not null,
    sold_seats      integer not null,
    gross           bigint not null,
    expired         integer not null,
    expired_seats   integer not null,
    returned        integer not null,
    returned_seats  integer not null,
    refunds         integer not null,
    refunded        bigint not null,
    primary key (event_id, at, section)
);

-- How long bookings took from hold to payment: how many, by eighths of the time's logarithm.
create table sales_pay_time (
    event_id        integer not null,
    bucket          smallint not null,
    bookings        integer not null,
    primary key (event_id, bucket)
);
