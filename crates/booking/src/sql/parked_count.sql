-- What a reader has before it: messages that wait for another attempt, dead ones, and when the oldest of these died. $1 reader.
select
    (select count(*) from parked where reader = $1 and dead_at is null) as waiting,
    (select count(*) from parked where reader = $1 and dead_at is not null) as dead,
    (select dead_at from parked where reader = $1 and dead_at is not null order by dead_at limit 1) as oldest_dead_at
