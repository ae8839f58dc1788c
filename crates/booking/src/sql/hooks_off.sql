-- The systems that are off and whose contacts were not told. $1 rows.
select name, url, contact, off_at, off_reason, version
from hook
where off_at is not null and contact is not null and not off_told
order by name
limit $1
