-- The number of the last message that a sink has confirmed; 0 where there is none. $1 sink.
select coalesce((select position from carried where sink = $1), 0) as position
