-- Signs a person in, who is made with the first time. Of many sessions the oldest end. $1 the address in lower case, $2 token_hash,
-- $3 agent, $4 sessions kept besides.
with one as (
    insert into person (email) values ($1)
    on conflict (email) do update set email = excluded.email
    returning person_id
), old as (
    delete from person_session
    where token_hash in (
        select token_hash from person_session join one using (person_id) order by seen_at desc offset $4
    )
)
insert into person_session (token_hash, person_id, agent) select $2, person_id, $3 from one
