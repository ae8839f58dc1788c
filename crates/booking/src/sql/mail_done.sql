-- Notes that a mail was sent. $1 change_id.
insert into mail_sent (change_id) values ($1) on conflict do nothing
