-- Emits that a payment was given back. $1 booking_id, $2 event_id, $3 core.
insert into change_log (core, event_id, kind, booking_id) values ($3::uuid, $2::integer, 'refunded', $1::uuid)
