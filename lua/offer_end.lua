-- Ends an offer to move a place. crates/store/src/offers.rs is the model.
--
-- KEYS[1]  the beginning of the names of a room's offers
-- ARGV     the offer's name, its place's, for how many ms it is told that the place has moved; 0 where it has not
-- Returns  {'ok'}

local offer, of_place, kept_ms = KEYS[1] .. ':' .. ARGV[1], KEYS[1] .. ':of:' .. ARGV[2], tonumber(ARGV[3])
redis.call('ZREM', KEYS[1] .. ':open', ARGV[1])
if redis.call('GET', of_place) == ARGV[1] then
  redis.call('DEL', of_place)
end
if kept_ms == 0 then
  redis.call('DEL', offer)
elseif redis.call('EXISTS', offer) == 1 then
  redis.call('HSET', offer, 'done', '1')
  redis.call('PEXPIRE', offer, kept_ms)
end
return { 'ok' }
