-- Appends rows to a list of the draw log, if it has as many as the caller knows; `Store::append_log`.
--
-- KEYS[1]  the list
-- ARGV     how many rows the caller knows, row ...
-- Returns  {'ok', how many there are now}: what the caller had not known stands there instead of its rows

local count = redis.call('LLEN', KEYS[1])
if count == tonumber(ARGV[1]) and ARGV[2] then
  count = redis.call('RPUSH', KEYS[1], unpack(ARGV, 2))
end
return { 'ok', count }
