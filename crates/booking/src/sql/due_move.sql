-- A reminder is due at another time. One that was given is given again where its event was moved and the new time is to come.
-- $1 booking_id, $2 wall time, $3 zone, $4 planned_for, $5 at, $6 now.
update due
set fired_at = case when planned_for <> $4 and $5::timestamptz > $6::timestamptz then null else fired_at end,
    wall = $2::text::timestamp, zone = $3, planned_for = $4, at = $5
where booking_id = $1
