-- Who performs at an event from now on, in this order. $1 event_id; one element a performer: $2 slug, $3 headliner.
with named as (
    select performer.performer_id, named.headliner, (named.number - 1)::smallint as position
    from unnest($2::text[], $3::boolean[]) with ordinality as named (slug, headliner, number)
    join performer on performer.slug = named.slug
), gone as (
    delete from event_performer where event_id = $1::integer and position >= cardinality($2::text[])
)
insert into event_performer (event_id, position, performer_id, headliner)
select $1::integer, position, performer_id, headliner from named
on conflict (event_id, position) do update set performer_id = excluded.performer_id, headliner = excluded.headliner
