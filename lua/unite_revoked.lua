-- Unites the revoked codes of a list with those that other edges have told; `RedisStore::unite_revoked`.
--
-- KEYS[1]  the list
-- ARGV     the SHA-1 of the caller's bits in hex, these bits or '' where the caller only asks, for how many s they are kept
-- Returns  {'same'} where all of them are known and no others, {'other'} where the caller only asks, or {'united', bits}

local digest = KEYS[1] .. ':digest'
local function keep()
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  redis.call('EXPIRE', digest, ARGV[3])
end

if redis.call('GET', digest) == ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then
  keep()
  return { 'same' }
elseif ARGV[2] == '' then
  return { 'other' }
end
local told = KEYS[1] .. ':told'
redis.call('SET', told, ARGV[2])
redis.call('BITOP', 'OR', KEYS[1], KEYS[1], told)
redis.call('DEL', told)
local united = redis.call('GET', KEYS[1])
redis.call('SET', digest, redis.sha1hex(united))
keep()
return { 'united', united }
