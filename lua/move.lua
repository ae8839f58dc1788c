-- Binds a position to another key; `Command::Move`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, tier (LINE for a place), index, the key it is bound to, the new key, how often it may move
-- Returns  {'ok', 'moved', how often it has moved, since}, {'ok', 'elsewhere', since}, {'ok', 'spent'} or {'ok', 'gone'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
end

local tier, index, from, to, most = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7], tonumber(ARGV[8])

local function given()
  if tier == LINE then
    return line_size()
  elseif s.tiers then
    return s['n' .. tier] or 0
  end
  return tier == 0 and s.early or 0
end

if index >= given() then
  return answer('gone')
end
local at = integer(tier) .. ':' .. integer(index)
local key, moves, since = bound(at)
if (key or from) == to then
  return answer('moved', moves or 0, since or s.now)
elseif key and key ~= from then
  return answer('elsewhere', since)
elseif (moves or 0) >= most then
  return answer('spent')
end
redis.call('HSET', sub('moved'), at, to .. struct.pack('>BI8', (moves or 0) + 1, s.now))
changed = true
return answer('moved', (moves or 0) + 1, s.now)
