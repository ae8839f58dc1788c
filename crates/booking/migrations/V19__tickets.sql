-- What the tickets of seats are signed with (Ed25519, RFC 8032), for all events of this database. The key with the highest number signs;
-- tickets that one of the others has signed are good, too. (Two random UUIDs: 244 bits.)
create table ticket_key (
    key_id          smallint primary key check (key_id between 1 and 255),
    -- The seed of the private key. Whoever has it can make tickets.
    seed            bytea not null check (length(seed) = 32),
    made_at         timestamptz not null default now()
);
insert into ticket_key (key_id, seed)
values (1, decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- Bookings that were paid and then cancelled: their tickets admit nobody.
create index booking_revoked on booking (event_id) where status = 'cancelled' and confirmed_at is not null;
