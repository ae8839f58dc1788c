-- A parked message is done. $1 reader, $2 change_id.
delete from parked where reader = $1 and change_id = $2
