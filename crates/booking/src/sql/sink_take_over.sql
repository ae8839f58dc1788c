-- Registers whoever has just been given a sink's turn, and counts it. A new sink begins at the log's oldest row. $1 name.
with oldest as (
    select change_id, at from change_log order by change_id limit 1
)
insert into sink (name, position, taken, knows_from)
values (
    $1,
    coalesce((select change_id - 1 from oldest), 0),
    coalesce((select change_id - 1 from oldest), 0),
    coalesce((select at from oldest), now())
)
on conflict (name) do update set epoch = sink.epoch + 1, seen_at = now()
returning position, taken, epoch, knows_from, epoch = 1 as is_new
