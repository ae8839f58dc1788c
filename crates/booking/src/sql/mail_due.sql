-- Where the mail about something that happened goes, if anywhere, where its reader is, and whether it was sent. $1 booking_id, $2 change_id.
select email, zone, exists (select from mail_sent where change_id = $2) as sent
from payment
where booking_id = $1 and email is not null and state in ('confirmed', 'refunding', 'refunded')
order by started_at desc
limit 1
