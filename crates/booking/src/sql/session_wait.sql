-- Waits until nobody else decides about a fan, for the rest of the transaction (session_lock.sql does not wait).
-- $1 event_id, $2 session.
select pg_advisory_xact_lock($1, hashtext($2))
