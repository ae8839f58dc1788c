-- What fans are owed after they have paid, and time to pay: addresses of bookings, and holds that can be kept longer.

-- What the addresses of bookings are signed with, made once for all cores of this database. Whoever can read it can read the
-- bookings, too. (Two random UUIDs: 244 bits.)
create table link_key (
    only_row        boolean primary key default true check (only_row),
    key             bytea not null check (length(key) = 32)
);
insert into link_key (key)
values (decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- How long the same hold may last in all, however often its fan asks for more time; null is the usual bound.
alter table event
    add column hold_total_max_s integer check (hold_total_max_s between 1 and 86400);

-- Rows are labelled in any script. What a label may be, the import decides.
alter table seat_row
    drop constraint seat_row_label_check,
    add constraint seat_row_label_check check (char_length(label) between 1 and 8);

-- Bookings as they stand now: a hold whose time is up has expired, whether or not it was tidied up, and of several payments that
-- decides which is furthest.
create view booking_now as
select booking_id, event_id, session, units, amount, created_at, expires_at,
    case when status = 'held' and expires_at <= now() then 'expired' else status end as status,
    told.payment_id, told.state as payment_state, told.reason as payment_reason
from booking
left join lateral (
    select payment_id, state, reason
    from payment
    where payment.booking_id = booking.booking_id
    order by case state when 'confirmed' then 0 when 'started' then 1 when 'refunding' then 2 else 3 end, started_at desc
    limit 1
) as told on true;
