-- What a request of an organizer was answered. $1 request_id.
select request_fingerprint, status, body from answered where request_id = $1
