-- Notes how far the relay has come. $1 the number of the last message in the stream.
update published set happening_id = $1 where only_row and happening_id <> $1
