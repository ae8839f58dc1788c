-- The rows of an event, and how many seats a fan may have. $1 event_id.
select seat_row.first_unit, seat_row.section, section.kind = 'seated' as is_seated, event.fan_seats_max
from seat_row
join section on section.event_id = seat_row.event_id and section.position = seat_row.section
join event on event.event_id = seat_row.event_id
where seat_row.event_id = $1
order by seat_row.first_unit
