-- Another title or price for a section; what is held or sold keeps its price. $1 event_id, $2 slug, $3 title, $4 price.
update section set title = $3, price = $4 where event_id = $1 and slug = $2
