-- The offer with this name; accepts it, where somebody wants to and nobody has. crates/store/src/offers.rs is the model.
--
-- KEYS[1]  the beginning of the names of a room's offers
-- ARGV     the offer's name, who accepts it or ''
-- Returns  {'ok', what is sealed in it, who has accepted it or '', '1' if the place has moved} or {'gone'}

local offer = KEYS[1] .. ':' .. ARGV[1]
local kept = redis.call('HMGET', offer, 'about', 'by', 'done')
if not kept[1] then
  return { 'gone' }
end
local by = kept[2]
if not by and not kept[3] and ARGV[2] ~= '' then
  redis.call('HSET', offer, 'by', ARGV[2])
  by = ARGV[2]
end
return { 'ok', kept[1], by or '', kept[3] or '0' }
