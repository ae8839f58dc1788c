-- Forgets that mails were sent whose messages cannot come again: what they tell of is gone. $1 seconds kept, $2 rows.
delete from mail_sent
where change_id = any(array(
    select change_id
    from mail_sent
    where change_id < (select change_id from change_log order by change_id limit 1)
        and at < now() - make_interval(secs => $1)
    order by change_id
    limit $2
))
