-- Notes whether a sink knows more than the log: it ends with a number that the log has lost, or has given to another change.
-- A number that is noted here as read, that was accepted, or that the log has forgotten by its age, is known. $1 name, $2 the number
-- with which the sink ends, $3 the kind of its change and $4 its booking as the sink has them; null where these cannot be told.
update sink
set ahead = case
    when $2::bigint > greatest(position, accepted)
        and $2::bigint > coalesce(
            (select change_id - 1 from change_log order by change_id limit 1),
            pg_sequence_last_value('change_log_change_id_seq'::regclass),
            0
        )
        and not exists (
            select from change_log
            where change_id = $2::bigint and (
                $3::text is null or (kind = $3::text and booking_id is not distinct from $4::uuid)
            )
        )
    then $2::bigint
end
where name = $1
returning ahead is not null as is_ahead
