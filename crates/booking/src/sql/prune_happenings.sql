-- Removes what was published and has grown old, from the lowest number on; looks at no more rows than it may remove.
-- $1 seconds kept, $2 rows, $3 after this number.
with lowest as materialized (
    select happening_id, at
    from happening
    where happening_id > $3 and happening_id <= (select happening_id from published where only_row)
    order by happening_id
    limit $2
), gone as (
    delete from happening
    where happening_id = any(array(select happening_id from lowest where at < now() - make_interval(secs => $1)))
    returning happening_id
)
select count(*) as gone, max(happening_id) as last from gone
