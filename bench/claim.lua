-- wrk script: every request is the same fan's claim. wrk's own headers have the ticket, and the proof where there is one.
wrk.method = "POST"
wrk.body = "{}"
