-- What messages about changes need: who says them, pseudonyms for fans, what a change follows from, and more kinds of them.

-- Made once for all cores of this database. The key makes pseudonyms of sessions. (Two random UUIDs: 244 bits.)
create table installation (
    only_row        boolean primary key default true check (only_row),
    installation_id uuid not null default gen_random_uuid(),
    fan_key         bytea not null check (length(fan_key) = 32)
);
insert into installation (fan_key)
values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- The payment that a change follows from.
alter table change_log add column cause uuid;

-- Old rows have old kinds: they need not be looked at.
alter table change_log
    drop constraint change_log_kind_check,
    add constraint change_log_kind_check check (kind in (
        'held', 'booked', 'expired', 'cancelled', 'refunded', 'edited',
        'payment_started', 'declined', 'refund_started', 'changed'
    )) not valid;
