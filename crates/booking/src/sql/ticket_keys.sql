-- What tickets are signed with, the oldest first; the last one signs.
select key_id, seed from ticket_key order by key_id
