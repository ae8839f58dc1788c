-- What will happen at a wall time, with the instant that follows from it: today, reminders of bookings.
create table due (
    booking_id      uuid primary key references booking,
    event_id        integer not null,
    what            text not null default 'reminder' check (what in ('reminder')),
    -- By the clocks of the place. The instant is derived from it again and again.
    wall            timestamp not null,
    zone            text not null,
    -- The zone of whoever is reminded, as their browser said when they paid.
    recipient_zone  text,
    -- When the event was to begin as this was planned.
    planned_for     timestamptz not null,
    at              timestamptz not null,
    -- When it became a change.
    fired_at        timestamptz
) with (fillfactor = 80);

create index due_at on due (at) where fired_at is null;
create index due_of_event on due (event_id);

-- Where the browser of the buyer was, in IANA's words; for quiet hours, and to tell them their own time.
alter table payment add column zone text check (length(zone) <= 64);

-- Kinds of changes are words. Which ones there are, the program knows; readers pass over those that they do not know.
alter table change_log
    drop constraint change_log_kind_check,
    add constraint change_log_kind_check check (kind ~ '^[a-z][a-z_]{1,38}$') not valid;
