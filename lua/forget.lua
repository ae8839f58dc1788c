-- Forgets what belongs to fans in the book of a draw; `Store::forget`. Numbers stay, and so do decisions about positions, without
-- the reference that they were asked for by.
--
-- KEYS[1]  what the names of the book's keys begin with
-- ARGV     time until which the book is kept (ms), where it is not kept for longer
-- Returns  {'ok', whether there was anything}

local function name(part)
  return KEYS[1] .. ':' .. part
end

local had = redis.call('HMGET', name('meta'), 'columns', 'refusals', 'forgotten')
local gone = { name('heat'), name('hour:0'), name('hour:1'), name('refusals') }
for tier = 0, TIERS_MAX - 1 do
  gone[#gone + 1] = name('asked:' .. tier)
  gone[#gone + 1] = name('settled:' .. tier)
end
redis.call('UNLINK', unpack(gone))
redis.call('HDEL', name('meta'), 'columns', 'refusals', 'joins', 'light', 'used', 'hour0', 'hour1')
redis.call('HSET', name('meta'), 'forgotten', 1)
local count = redis.call('STRLEN', name('overrules')) / OVERRULE_BYTES
for row = 0, count - 1 do
  redis.call('SETRANGE', name('overrules'), row * OVERRULE_BYTES, '\0\0\0\0\0')
end
local keep_until = redis.call('HGET', name('meta'), 'keep_until')
if not keep_until or tonumber(keep_until) < tonumber(ARGV[1]) then
  keep_until = ARGV[1]
  redis.call('HSET', name('meta'), 'keep_until', keep_until)
end
redis.call('PEXPIREAT', name('meta'), keep_until)
return { 'ok', (had[1] or tonumber(had[2] or 0) > 0) and 1 or 0 }
