-- $1 event_id, $2 section, $3 position, $4 label, $5 first_unit, $6 seats.
insert into seat_row (event_id, section, position, label, first_unit, seats)
values ($1, $2, $3, $4, $5, $6)
