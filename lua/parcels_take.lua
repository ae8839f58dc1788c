-- Takes a piece of a parcel away; where it is not there it is asked for. crates/store/src/parcels.rs has the rules.
--
-- KEYS[1]  the beginning of the names of a depot's keys
-- ARGV     the wish, for how many ms it stands, how many may be open
-- Returns  {'piece', its bytes}, {'wait'} or {'full'}

local wishes, piece = KEYS[1] .. ':wishes', KEYS[1] .. ':piece:' .. ARGV[1]
local wish_ms = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local bytes = redis.call('GET', piece)
if bytes then
  redis.call('DEL', piece)
  redis.call('ZREM', wishes, ARGV[1])
  return { 'piece', bytes }
end
redis.call('ZREMRANGEBYSCORE', wishes, '-inf', string.format('%.0f', now - wish_ms))
if redis.call('ZCARD', wishes) >= tonumber(ARGV[3]) and not redis.call('ZSCORE', wishes, ARGV[1]) then
  return { 'full' }
end
redis.call('ZADD', wishes, string.format('%.0f', now), ARGV[1])
redis.call('PEXPIRE', wishes, wish_ms)
return { 'wait' }
