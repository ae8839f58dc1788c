-- Starts the idle time of sessions anew; `Command::Renew`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, place ...
-- Returns  {'ok', expires at ...} in ms; 0 for a session that is over

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
end

local function renew(place)
  local lease = redis.call('HGET', sub('leases'), place)
  if not lease then
    return 0
  end
  local before = tonumber(redis.call('ZSCORE', sub('expiries'), place))
  local hard_end = tonumber(lease:match(':(%d+)$'))
  -- Never earlier than before: a pass may have been signed for that time.
  local expires = math.max(before, math.min(s.now + s.idle, hard_end))
  if expires ~= before then
    redis.call('ZADD', sub('expiries'), integer(expires), place)
    changed = true
  end
  return expires
end

local reply = { 'ok' }
for i = 4, #ARGV do
  reply[#reply + 1] = renew(ARGV[i])
end
return finish(reply)
