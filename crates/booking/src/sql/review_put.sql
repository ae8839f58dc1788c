-- Keeps a booking for review, or releases it. $1 booking_id, $2 held, $3 reason.
insert into booking_review (booking_id, held, reason)
values ($1, $2, $3)
on conflict (booking_id) do update
set held = excluded.held, reason = excluded.reason, at = now()
returning held, reason, at
