-- Nobody is reminded of a booking any more. $1 booking_id.
delete from due where booking_id = $1
