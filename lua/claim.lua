-- Lets in whom it can; `Command::Claim`.
--
-- KEYS[1]  the room
-- ARGV     now, place ... in ascending order
-- Returns  {'ok', outcome ...}, an outcome being one of
--          {'admitted', admitted at, expires at, hard end}, {'not_called'}, {'wait', retry after}, {'expired'},
--          {'unknown'}; times in ms

if not s.generation then
  return { 'refused', 'not_scheduled' }
end

local waiting = 0
local inside = active()

local function keep_waiting(place)
  redis.call('ZADD', sub('asking_places'), place, place)
  if redis.call('ZADD', sub('asking'), 'CH', integer(s.watch), place) == 1 then
    changed = true
  end
end

local function admit(place)
  s.cap = s.cap - PERSON
  redis.call('SETBIT', sub('gone'), place, 1)
  ask_no_more(place)
  s.outstanding = s.outstanding - 1
  s.admitted = s.admitted + 1
  inside = inside + 1
  changed = true
  local hard_end = s.now + s.max
  local expires = math.min(s.now + s.idle, hard_end)
  redis.call('HSET', sub('leases'), place, integer(s.now) .. ':' .. integer(hard_end))
  redis.call('ZADD', sub('expiries'), integer(expires), place)
  return { 'admitted', s.now, expires, hard_end }
end

local function claim(place)
  local lease = redis.call('HGET', sub('leases'), place)
  if lease then
    local admitted_at, hard_end = lease:match('^(%d+):(%d+)$')
    local expires = redis.call('ZSCORE', sub('expiries'), place)
    return { 'admitted', tonumber(admitted_at), tonumber(expires), tonumber(hard_end) }
  elseif tonumber(place) >= line_size() then
    return { 'unknown' }
  elseif is_gone(place) or has_expired(place) then
    return { 'expired' }
  elseif tonumber(place) >= s.serving then
    return { 'not_called' }
  elseif s.phase == ENDED then
    return { 'expired' }
  elseif s.paused == 1 or s.sold_out == 1 then
    return { 'wait', HELD_RETRY_MS }
  elseif inside >= s.max_active then
    keep_waiting(place)
    return { 'wait', HELD_RETRY_MS }
  elseif s.cap < PERSON then
    keep_waiting(place)
    waiting = waiting + 1
    local wait = math.ceil((waiting * PERSON - s.cap) / s.rate)
    return { 'wait', math.max(CAP_RETRY_MIN_MS, math.min(wait, HELD_RETRY_MS)) }
  end
  return admit(place)
end

local reply = { 'ok' }
for i = 2, #ARGV do
  reply[i] = claim(ARGV[i])
end
return finish(reply)
