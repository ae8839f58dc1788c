-- Notes how far the relay has come. $1 the number of the last message in the stream.
update published set change_id = $1 where only_row and change_id <> $1
