-- Notes which definitions of rooms an edge has, and answers all tags; `Store::look_at_definitions`.
--
-- KEYS     the tags by name; what edges have, by edge
-- ARGV     the edge, a digest of the tags of what it has, for how many s an edge may be silent
-- Returns  {'ok', {name, tag, …}, {what an edge has, …}}: of edges that were heard within that time

local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', KEYS[2], ARGV[1], now .. ' ' .. ARGV[2])
local edges = {}
local all = redis.call('HGETALL', KEYS[2])
for at = 1, #all, 2 do
  local heard, own = string.match(all[at + 1], '^(%d+) (.*)$')
  if heard and tonumber(heard) + tonumber(ARGV[3]) >= now then
    edges[#edges + 1] = own
  else
    redis.call('HDEL', KEYS[2], all[at])
  end
end
redis.call('EXPIRE', KEYS[2], 3600)
return { 'ok', redis.call('HGETALL', KEYS[1]), edges }
