-- The highest number that can be seen, and a transaction above all that may still hold a lower one: numbers are drawn
-- after the transaction's id. Draws an id only if there is something to publish. $1 the last number published.
select last, case when last > $1::bigint then pg_current_xact_id()::text::bigint end as tx
from (select coalesce(max(change_id), 0) as last from change_log) as seen
