-- What other cores did since a horizon. $1 horizon, $2 this core.
select event_id, kind, units
from change_log
where tx >= $1::bigint::text::xid8 and core is distinct from $2
order by tx, change_id
