-- Who says messages, and the key of fans' pseudonyms.
select installation_id, fan_key from installation where only_row
