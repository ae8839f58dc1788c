-- Lets in whom it can; `Command::Claim`, and `Command::ClaimTiers` in a room with tiers. WANTS_TIERS says which, in front of
-- this file (crates/store/src/redis/script.rs), and so does BY_KEY, for fans who have proved a key (lua/room/keys.lua).
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, then place and line of the list of claims (the time in it is filled in here) of each, places ascending;
--          with BY_KEY also the position and the key of each, both '' for whoever has none
-- Returns  {'ok', outcome ...}, an outcome being one of
--          {'admitted', admitted at, expires at, hard end}, {'not_called'}, {'wait', retry after}, {'expired'},
--          {'unknown'}, {'moved', since}; times in ms

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
end

if WANTS_TIERS and not s.tiers then
  return refuse('no_tiers')
elseif s.tiers and not WANTS_TIERS then
  return refuse('has_tiers')
end

local waiting = 0
local inside = active()

local function keep_waiting(place)
  redis.call('ZADD', sub('asking_places'), place, place)
  if redis.call('ZADD', sub('asking'), 'CH', integer(s.watch), place) == 1 then
    changed = true
  end
end

-- Writes a line of the public list of claims: eight of its bytes are the time.
local function list(line)
  local chunk = math.floor(s.listed / CLAIMS_A_CHUNK)
  local before = WANTS_TIERS and 17 or 16
  local dated = line:sub(1, before) .. struct.pack('>I8', s.now) .. line:sub(before + 9)
  redis.call('APPEND', sub('claims:' .. integer(chunk)), dated)
  s.listed = s.listed + 1
end

local function admit(place, line)
  s.cap, s.leak = s.cap - PERSON, s.leak - PERSON
  s.cap_extra = math.max(0, s.cap_extra - 1)
  set_gone(place)
  ask_no_more(place)
  s.outstanding = s.outstanding - 1
  s.admitted = s.admitted + 1
  list(line)
  inside = inside + 1
  changed = true
  local hard_end = s.now + s.max
  local expires = math.min(s.now + s.idle, hard_end)
  redis.call('HSET', sub('leases'), place, integer(s.now) .. ':' .. integer(hard_end))
  redis.call('ZADD', sub('expiries'), integer(expires), place)
  return { 'admitted', s.now, expires, hard_end }
end

-- Lets a fan whose place has expired come all the same, as one who asks.
local function honour(place)
  if s.late_policy == 'honour' and s.phase == SERVING and tonumber(place) < s.serving
    and not is_gone(place) and has_expired(place) then
    redis.call('ZADD', sub('asking_places'), place, place)
    redis.call('ZADD', sub('asking'), integer(s.watch), place)
    s.outstanding = s.outstanding + 1
    s.honoured = s.honoured + 1
    changed = true
  end
end

local function cap_retry()
  waiting = waiting + 1
  local rate = per_minute(s.now)
  if rate == 0 then
    return HELD_RETRY_MS
  end
  local wait = math.ceil(math.max(0, waiting * PERSON - s.cap) / rate)
  return math.max(CAP_RETRY_MIN_MS, math.min(wait, HELD_RETRY_MS))
end

local function claim(place, line)
  local lease = redis.call('HGET', sub('leases'), place)
  if lease then
    local admitted_at, hard_end = lease:match('^(%d+):(%d+)$')
    local expires = redis.call('ZSCORE', sub('expiries'), place)
    return { 'admitted', tonumber(admitted_at), tonumber(expires), tonumber(hard_end) }
  end
  if s.phase == SERVING then
    find(place)
  end
  honour(place)
  if tonumber(place) >= line_size() then
    return { 'unknown' }
  elseif is_gone(place) or has_expired(place) then
    return { 'expired' }
  elseif tonumber(place) >= s.serving then
    return { 'not_called' }
  elseif s.phase == ENDED then
    return { 'expired' }
  elseif not is_open() then
    return { 'wait', HELD_RETRY_MS }
  elseif inside >= max_active(s.now) then
    keep_waiting(place)
    return { 'wait', HELD_RETRY_MS }
  elseif s.cap < PERSON then
    keep_waiting(place)
    return { 'wait', cap_retry() }
  end
  return admit(place, line)
end

local reply = { 'ok' }
for i = 4, #ARGV, BY_KEY and 4 or 2 do
  local since = BY_KEY and lost_since(ARGV[i + 2], ARGV[i + 3])
  reply[#reply + 1] = since and { 'moved', since } or claim(ARGV[i], ARGV[i + 1])
end
return finish(reply)
