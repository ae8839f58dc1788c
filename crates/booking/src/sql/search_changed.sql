-- The events that were edited, by numbers of the change log. $1 after this one, $2 up to this one.
select distinct event_id
from change_log
where change_id > $1 and change_id <= $2 and kind = 'edited'
