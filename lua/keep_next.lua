-- Keeps the draw of a room's next sale, if the caller knows what is kept so far; `Store::keep_next`.
--
-- KEYS[1]  where it is kept
-- ARGV     what the caller knows, or '' for nothing; what is to be kept
-- Returns  {'ok', what is kept now}: what the caller had not known stays

local kept = redis.call('GET', KEYS[1]) or ''
if kept == ARGV[1] then
  kept = ARGV[2]
  redis.call('SET', KEYS[1], kept)
end
return { 'ok', kept }
