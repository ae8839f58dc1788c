-- Ends a session of a person. $1 person_id, $2 session_id.
delete from person_session where person_id = $1 and session_id = $2
