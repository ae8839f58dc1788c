-- Removes what everybody has read and has grown old, from the lowest number on; looks at no more rows than it may remove.
-- $1 seconds kept, $2 rows, $3 after this number, $4 up to this one.
with lowest as materialized (
    select change_id, at
    from change_log
    where change_id > $3 and change_id <= $4
    order by change_id
    limit $2
), gone as (
    delete from change_log
    where change_id = any(array(select change_id from lowest where at < now() - make_interval(secs => $1)))
    returning change_id
)
select count(*) as gone, max(change_id) as last from gone
