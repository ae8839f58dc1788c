-- Starts the idle time of sessions anew; `Command::Renew`. BY_KEY says whether by fans who have proved a key, in front of this
-- file (crates/store/src/redis/script.rs).
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, place ...; with BY_KEY also the position and the key of each, both '' for whoever has none
-- Returns  {'ok', expires at ...} in ms; 0 for a session that is over, or is another key's

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
for i = 4, #ARGV, BY_KEY and 3 or 1 do
  local is_lost = BY_KEY and lost_since(ARGV[i + 1], ARGV[i + 2])
  reply[#reply + 1] = is_lost and 0 or renew(ARGV[i])
end
return finish(reply)
