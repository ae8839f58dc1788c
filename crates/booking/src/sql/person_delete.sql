-- Deletes a person and all of their sessions. Bookings stay. $1 person_id.
delete from person where person_id = $1
