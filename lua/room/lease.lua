-- Who is inside, and whose session ended before its time. crates/core/src/room/lease.rs.

local function active()
  return redis.call('ZCARD', sub('expiries'))
end

-- Calls a command with many arguments, a few at a time: Lua's stack is small.
local function with_all(members, command, name)
  for first = 1, #members, 1000 do
    redis.call(command, name, unpack(members, first, math.min(first + 999, #members)))
  end
end

-- After a long silence very many may be due at once; the rest is left to the next scripts, since Redis serves nobody else
-- meanwhile.
local function expire_leases()
  local over = redis.call('ZRANGEBYSCORE', sub('expiries'), '-inf', integer(s.now), 'LIMIT', 0, DUE_MAX)
  if #over > 0 then
    with_all(over, 'ZREM', sub('expiries'))
    with_all(over, 'HDEL', sub('leases'))
    changed = true
  end
  local past = redis.call('ZRANGEBYSCORE', sub('closed'), '-inf', integer(s.now), 'WITHSCORES', 'LIMIT', 0, DUE_MAX)
  local places, members = {}, {}
  for i = 1, #past, 2 do
    places[#places + 1] = past[i]
    members[#members + 1] = past[i] .. ':' .. past[i + 1]
  end
  if #past > 0 then
    with_all(places, 'ZREM', sub('closed'))
    with_all(members, 'ZREM', sub('closed_log'))
    changed = true
  end
end

-- Ends a place's session for as long as its pass would have lasted.
local function close(place, until_at)
  redis.call('ZREM', sub('expiries'), place)
  redis.call('HDEL', sub('leases'), place)
  s.closed_count = s.closed_count + 1
  redis.call('ZADD', sub('closed'), until_at, place)
  redis.call('ZADD', sub('closed_log'), integer(s.closed_count), place .. ':' .. until_at)
end

-- Ends a session before its time; answers whether there was one.
local function release(place)
  local expires = redis.call('ZSCORE', sub('expiries'), place)
  if not expires then
    return false
  end
  close(place, integer(tonumber(expires)))
  changed = true
  return true
end
