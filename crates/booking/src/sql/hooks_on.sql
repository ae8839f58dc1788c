-- The systems that are told what happens now.
select name, url, secret, topics, allow_private, version from hook where off_at is null order by name
