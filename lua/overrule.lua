-- Appends decisions to the book of a draw, if it has as many as the caller knows; `Store::overrule`.
--
-- KEYS[1]  what the names of the book's keys begin with
-- ARGV     how many the caller knows, time until which the book is kept (ms), rows of 20 bytes
-- Returns  {'ok', how many there are now}, or {'full'}: there are as many as there may be

local rows, meta = KEYS[1] .. ':overrules', KEYS[1] .. ':meta'
local count = redis.call('STRLEN', rows) / OVERRULE_BYTES
if count == tonumber(ARGV[1]) and #ARGV[3] > 0 then
  if count + #ARGV[3] / OVERRULE_BYTES > OVERRULES_MAX then
    return { 'full' }
  end
  count = redis.call('APPEND', rows, ARGV[3]) / OVERRULE_BYTES
  local keep_until = redis.call('HGET', meta, 'keep_until')
  if not keep_until or tonumber(keep_until) < tonumber(ARGV[2]) then
    keep_until = ARGV[2]
    redis.call('HSET', meta, 'keep_until', keep_until)
    redis.call('PEXPIREAT', meta, keep_until)
  end
  redis.call('PEXPIREAT', rows, keep_until)
end
return { 'ok', count }
