-- Keeps an answer in the transaction that made it true. $1 request_id, $2 request_fingerprint, $3 status, $4 body.
insert into answered (request_id, request_fingerprint, status, body) values ($1, $2, $3, $4)
