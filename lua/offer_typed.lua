-- The offer whose letters somebody has typed, unless their network was wrong too often; a wrong name is counted for the network.
-- crates/store/src/offers.rs is the model.
--
-- KEYS[1]  the beginning of the names of a room's offers
-- ARGV     the offer's name, the network's, how often a network may be wrong, for how many ms that is counted, how many networks
--          are counted by themselves
-- Returns  {'ok', what is sealed in it, who has accepted it or '', '1' if the place has moved}, {'gone'}, or {'often', ms}

local wrong, network, counted_ms = KEYS[1] .. ':wrong', ARGV[2], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('ZREMRANGEBYSCORE', wrong, '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', wrong, network) and redis.call('ZCARD', wrong) >= tonumber(ARGV[5]) then
  network = 'others'
end
local count = wrong .. ':' .. network
if tonumber(redis.call('GET', count) or 0) >= tonumber(ARGV[3]) then
  return { 'often', redis.call('PTTL', count) }
end
local kept = redis.call('HMGET', KEYS[1] .. ':' .. ARGV[1], 'about', 'by', 'done')
if kept[1] then
  return { 'ok', kept[1], kept[2] or '', kept[3] or '0' }
end
if redis.call('INCR', count) == 1 then
  redis.call('PEXPIRE', count, counted_ms)
  redis.call('ZADD', wrong, string.format('%.0f', now + counted_ms), network)
  redis.call('PEXPIRE', wrong, counted_ms)
end
return { 'gone' }
