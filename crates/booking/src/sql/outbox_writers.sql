-- Transactions that may have a number of the change log which nobody can see yet. Whoever writes into the log has this lock before
-- the number is drawn and until the transaction has ended and can be seen.
select distinct virtualtransaction as writer
from pg_locks
where locktype = 'relation' and mode = 'RowExclusiveLock' and granted and relation = 'change_log'::regclass
    and database = (select oid from pg_database where datname = current_database())
