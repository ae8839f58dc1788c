-- Notes that a mail was sent. $1 happening_id.
insert into mail_sent (happening_id) values ($1) on conflict do nothing
