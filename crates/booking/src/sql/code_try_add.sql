-- Counts a try of a code, and forgets those of codes that are over. $1 name, $2 tries that it counts for.
with over as (
    delete from code_try where made_at < now() - interval '20 minutes' and name <> $1
)
insert into code_try (name, tries)
values ($1, $2)
on conflict (name) do update set tries = least(code_try.tries + excluded.tries, 1000)
returning tries
