-- Takes a sink's turn for this transaction, if nobody has it: behind a pooler, a session is nobody's own. $1 name.
select pg_try_advisory_xact_lock(hashtext('fairgate.sink'), hashtext($1)) as is_mine
