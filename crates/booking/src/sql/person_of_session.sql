-- Who is signed in with a session that was used within 30 days. $1 token_hash.
update person_session
set seen_at = now()
from person
where token_hash = $1 and seen_at > now() - interval '30 days' and person.person_id = person_session.person_id
returning person.person_id, person.email, person_session.session_id
