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
