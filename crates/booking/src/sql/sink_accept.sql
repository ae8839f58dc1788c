-- Accepts that a sink's readers know what the log has lost: the log's next number is above what the sink was given, and the sink
-- goes on from there. The caller has locked the log, so nobody draws a number meanwhile. Says the number, and how many changes that
-- the log has keep a number which these readers may know otherwise. $1 name.
with behind as materialized (
    select name, position, ahead from sink where name = $1 and ahead is not null for update
), raised as materialized (
    select setval(
        'change_log_change_id_seq'::regclass,
        greatest(ahead, coalesce(pg_sequence_last_value('change_log_change_id_seq'::regclass), 1))
    ) as last
    from behind
), carried_on as (
    update carried set position = greatest(carried.position, behind.ahead) from behind where carried.sink = behind.name
)
update sink
set accepted = behind.ahead, ahead = null, position = greatest(sink.position, behind.ahead),
    taken = greatest(sink.taken, behind.ahead)
from behind, raised
where sink.name = behind.name
returning sink.accepted, (
    select count(*) from change_log where change_id > behind.position and change_id <= behind.ahead
) as untold
