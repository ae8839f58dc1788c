-- Systems of organizers that are told what happens (webhooks).
create table hook (
    name            text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    url             text not null check (length(url) <= 1024),
    -- What messages to it are signed with.
    secret          bytea not null check (length(secret) between 24 and 64),
    -- What it is told, as the types of messages name it.
    topics          text[] not null,
    -- True if it may be within the house's own network.
    allow_private   boolean not null,
    -- Another one each time that it is switched on.
    version         uuid not null default gen_random_uuid(),
    -- Since when it has taken nothing; null where it took the last message.
    failing_since   timestamptz,
    -- Since when it is told nothing, and why.
    off_at          timestamptz,
    off_reason      text not null default ''
);
