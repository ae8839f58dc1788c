-- Keeps the definition of a room instead of one with a lower revision; `Store::put_definition`.
--
-- KEYS     the tags by name, the texts by name
-- ARGV     the name, the revision, the digest, the text
-- Returns  {'ok'} where it is kept now, {'other'} where another one with this revision or a higher one is

local tag = redis.call('HGET', KEYS[1], ARGV[1])
local own = ARGV[2] .. '-' .. ARGV[3]
if tag and tag ~= own and tonumber(string.match(tag, '^(%d+)-')) >= tonumber(ARGV[2]) then
  return { 'other' }
end
redis.call('HSET', KEYS[1], ARGV[1], own)
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
return { 'ok' }
