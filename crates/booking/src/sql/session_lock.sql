-- Locks fans for the rest of the transaction, so that no two cores find room below the same limit, or write the same
-- booking. Answers those whom another core is serving. $1 event_id, $2 sessions.
select session
from unnest($2::text[]) as session
where not pg_try_advisory_xact_lock($1, hashtext(session))
