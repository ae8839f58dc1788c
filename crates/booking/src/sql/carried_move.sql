-- Notes what a sink has confirmed, unless somebody else has noted something since. $1 sink, $2 the number before, $3 the number now.
insert into carried (sink, position)
values ($1, $3)
on conflict (sink) do update set position = excluded.position
where carried.position = $2
