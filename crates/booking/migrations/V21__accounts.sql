-- Buyers who want to see all of their bookings. Personal data of an account stands here alone, so that it can be deleted and no booking
-- is touched.
create table person (
    person_id       uuid primary key default gen_random_uuid(),
    -- In lower case, as payments are compared with it.
    email           text not null unique check (length(email) <= 254),
    made_at         timestamptz not null default now()
);

create table person_session (
    -- SHA-256 of what the browser has: whoever reads the table is signed in nowhere.
    token_hash      bytea primary key check (length(token_hash) = 32),
    session_id      uuid not null unique default gen_random_uuid(),
    person_id       uuid not null references person on delete cascade,
    -- What the browser calls itself, for its owner to know it by.
    agent           text not null check (length(agent) <= 200),
    made_at         timestamptz not null default now(),
    seen_at         timestamptz not null default now()
);

create index person_session_of on person_session (person_id);

-- Tries of codes that were sent by mail, by a keyed digest of address and browser. The codes themselves are kept nowhere.
create table code_try (
    name            bytea primary key check (length(name) = 16),
    tries           smallint not null,
    made_at         timestamptz not null default now()
);

create index code_try_made on code_try (made_at);

-- Payments of a mail address.
create index payment_of_email on payment (lower(email)) where email is not null;
