-- The sessions of a person, the latest first. $1 person_id.
select session_id, agent, made_at, seen_at
from person_session
where person_id = $1
order by seen_at desc
