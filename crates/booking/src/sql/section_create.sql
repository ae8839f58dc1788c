-- $1 event_id, $2 position, $3 slug, $4 title, $5 kind, $6 tier, $7 price.
insert into section (event_id, position, slug, title, kind, tier, price)
values ($1, $2, $3, $4, $5, $6, $7)
