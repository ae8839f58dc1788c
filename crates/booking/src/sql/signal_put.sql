-- Writes down evidence, or what was added to it. $1 event_id, $2 kind, $3 subject, $4 score, $5 why, $6 evidence, $7 fans,
-- $8 bookings, $9 first_at, $10 last_at.
insert into signal (event_id, kind, subject, score, why, evidence, fans, bookings, first_at, last_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (event_id, kind, subject) do update
set score = excluded.score, why = excluded.why, evidence = excluded.evidence, fans = excluded.fans, bookings = excluded.bookings,
    first_at = least(signal.first_at, excluded.first_at), last_at = excluded.last_at
