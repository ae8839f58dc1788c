-- Tells which parcels an edge has; answers which any edge has, and which pieces are asked for. crates/store/src/parcels.rs has the
-- rules.
--
-- KEYS[1]  the beginning of the names of a depot's keys
-- ARGV     for how many ms it is believed, for how many ms a piece is asked for, how many parcels are told of at most; then name
--          and text of each parcel
-- Returns  {'ok', how many parcels there are, the text of each, then each wish whose piece is not there yet}

local told, told_at, wishes = KEYS[1] .. ':told', KEYS[1] .. ':told_at', KEYS[1] .. ':wishes'
local believed_ms, wish_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function at(ms)
  return string.format('%.0f', ms)
end

for argument = 4, #ARGV, 2 do
  redis.call('HSET', told, ARGV[argument], ARGV[argument + 1])
  redis.call('ZADD', told_at, at(now), ARGV[argument])
end
local function forget(names)
  for _, name in ipairs(names) do
    redis.call('HDEL', told, name)
    redis.call('ZREM', told_at, name)
  end
end
forget(redis.call('ZRANGEBYSCORE', told_at, '-inf', at(now - believed_ms)))
local too_many = redis.call('ZCARD', told_at) - tonumber(ARGV[3])
if too_many > 0 then
  forget(redis.call('ZRANGE', told_at, 0, too_many - 1))
end
redis.call('PEXPIRE', told, believed_ms)
redis.call('PEXPIRE', told_at, believed_ms)

redis.call('ZREMRANGEBYSCORE', wishes, '-inf', at(now - wish_ms))
local texts = redis.call('HVALS', told)
local reply = { 'ok', #texts }
for _, text in ipairs(texts) do
  reply[#reply + 1] = text
end
for _, wish in ipairs(redis.call('ZRANGE', wishes, 0, -1)) do
  if redis.call('EXISTS', KEYS[1] .. ':piece:' .. wish) == 0 then
    reply[#reply + 1] = wish
  end
end
return reply
