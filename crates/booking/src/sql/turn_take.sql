-- Takes a sink's turn for this session, if nobody has it. $1 name.
select pg_try_advisory_lock(hashtext('fairgate.sink'), hashtext($1)) as is_mine
