-- Keeps an offer to move a place, instead of the open one that its place has. crates/store/src/offers.rs is the model.
--
-- KEYS[1]  the beginning of the names of a room's offers
-- ARGV     the offer's name, its place's, what is sealed in it, for how many ms it is good, how many may be open
-- Returns  {'ok'} or {'full'}

local open, offer, of_place = KEYS[1] .. ':open', KEYS[1] .. ':', KEYS[1] .. ':of:' .. ARGV[2]
local good_ms = tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('ZREMRANGEBYSCORE', open, '-inf', string.format('%.0f', now))
local before = redis.call('GET', of_place)
if before then
  redis.call('ZREM', open, before)
  redis.call('DEL', offer .. before, of_place)
end
if redis.call('ZCARD', open) >= tonumber(ARGV[5]) then
  return { 'full' }
end
redis.call('DEL', offer .. ARGV[1])
redis.call('HSET', offer .. ARGV[1], 'about', ARGV[3])
redis.call('PEXPIRE', offer .. ARGV[1], good_ms)
redis.call('SET', of_place, ARGV[1], 'PX', good_ms)
redis.call('ZADD', open, string.format('%.0f', now + good_ms), ARGV[1])
redis.call('PEXPIRE', open, good_ms)
return { 'ok' }
