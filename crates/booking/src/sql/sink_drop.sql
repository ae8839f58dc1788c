-- Unregisters a sink, unless somebody has its turn. $1 name.
with free as materialized (
    select pg_try_advisory_xact_lock(hashtext('fairgate.sink'), hashtext($1)) as is_free
), gone as (
    delete from sink where name = $1 and (select is_free from free) returning name
), forgotten as (
    delete from carried where sink = $1 and (select is_free from free)
)
select is_free, exists (select from gone) as is_gone from free
