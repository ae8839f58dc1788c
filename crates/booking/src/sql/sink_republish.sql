-- Has a sink carried again from a number on, where its position is kept here. $1 sink, $2 the first number that is published again.
-- Says whether its position is kept here, the log's oldest number, and how many changes are published again.
with known as materialized (
    select carried.position, coalesce((select change_id from change_log order by change_id limit 1), 0) as oldest
    from carried where sink = $1 for update
), back as (
    update carried set position = $2::bigint - 1
    from known
    where carried.sink = $1 and known.oldest <= $2::bigint and $2::bigint <= known.position
), kept as (
    update sink set position = least(sink.position, $2::bigint - 1)
    from known
    where sink.name = $1 and known.oldest <= $2::bigint and $2::bigint <= known.position
)
select position, oldest,
    (select count(*) from change_log where change_id >= $2::bigint and change_id <= known.position) as changes
from known
