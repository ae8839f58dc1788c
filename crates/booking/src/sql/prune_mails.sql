-- Forgets that mails were sent whose messages cannot come again: what they tell of is gone. $1 seconds kept, $2 rows.
delete from mail_sent
where happening_id = any(array(
    select happening_id
    from mail_sent
    where happening_id < (select happening_id from happening order by happening_id limit 1)
        and at < now() - make_interval(secs => $1)
    order by happening_id
    limit $2
))
