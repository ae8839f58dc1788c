-- Notes that a sink is there, and how far it has come, unless somebody else has its turn by now or it was unregistered.
-- $1 name, $2 epoch, $3 position, $4 taken; null leaves a number as it is.
update sink
set position = coalesce($3, position), taken = greatest(coalesce($4, taken), coalesce($3, position)), seen_at = now()
where name = $1 and epoch = $2
