-- What every script of a room begins with: the room's state, and what time alone decides.
--
-- The transitions are those of src/room, function for function; one conformance suite drives both. This file stands
-- before each script when it is loaded, so it is one script for Redis.
--
-- KEYS[1]  fairgate:{<room>}, a hash with everything that is not counted in fans; all other keys of the room begin with
--          it and the sale's generation, and are in the same slot because of the braces:
--            :<generation>:roster:<n>          64,000 entries of 32 bytes each, the pool in order
--            :<generation>:gone                a bit for each place admitted or given up
--            :<generation>:calls               list of <end>:<watch>, the calls within their grace
--            :<generation>:asking              sorted set, places that had to wait, by the watch when they asked last
--            :<generation>:asking_places       the same places, by place
--            :<generation>:leases              hash, place -> <admitted>:<hard end>
--            :<generation>:expiries            sorted set, places inside, by when their lease ends
--            :<generation>:closed              sorted set, <place>:<until>, by until
--            :<generation>:closed_log          sorted set, <place>:<until>, by the order in which they were closed
--            :<generation>:recent:<minute>:<n> hash, 16 bytes of an entry -> its position; expires by itself
--          On the channel KEYS[1]:changes the revision is published when phase, plan, draw or controls change.
-- ARGV[1]  the time, Unix ms, or '' for the server's clock
-- Returns  whatever `answer` or `refuse` made. A refusal is {'refused', code, detail ...}; src/store/redis/refusal.rs
--          knows the codes.

local PERSON = 60000
local ENTRIES_A_CHUNK = 64000
local HELD_RETRY_MS = 5000
local CAP_RETRY_MIN_MS = 250

local IDLE, POOLING, DRAWING, SERVING, ENDED = 0, 1, 2, 3, 4
local POLICY = { 'rate', 'burst', 'max_active', 'grace', 'idle', 'max', 'witness' }
local TEXTS = {
  room = true, message = true, secret = true, commitment = true, descriptor = true, digest = true, root = true,
  seed = true, signature = true, beacon = true, epoch = true,
}

local key = KEYS[1]
local written = {}
local s = {}
local changed = false
-- Whether something changed that every edge should learn of at once; mere counts can wait for the next look.
local told = false

local function load_state()
  local raw = redis.call('HGETALL', key)
  for i = 1, #raw, 2 do
    local name, value = raw[i], raw[i + 1]
    written[name] = value
    s[name] = TEXTS[name] and value or tonumber(value)
  end
end

local function sub(name)
  return key .. ':' .. string.format('%.0f', s.generation) .. ':' .. name
end

local function integer(number)
  return string.format('%.0f', number)
end

-- Writes what is different; fields that became nil are taken away.
local function save_state()
  local set, gone = {}, {}
  for name, value in pairs(s) do
    local text = TEXTS[name] and value or integer(value)
    if written[name] ~= text then
      set[#set + 1] = name
      set[#set + 1] = text
    end
  end
  for name in pairs(written) do
    if s[name] == nil then
      gone[#gone + 1] = name
    end
  end
  if #set > 0 then
    redis.call('HSET', key, unpack(set))
  end
  if #gone > 0 then
    redis.call('HDEL', key, unpack(gone))
  end
end

local function tell()
  changed, told = true, true
end

local function set(name, value)
  if s[name] ~= value then
    s[name] = value
    tell()
  end
end

local function finish(reply)
  if changed then
    s.revision = s.revision + 1
  end
  save_state()
  if told then
    redis.call('PUBLISH', key .. ':changes', integer(s.revision))
  end
  return reply
end

local function answer(...)
  return finish({ 'ok', ... })
end

local function refuse(...)
  return finish({ 'refused', ... })
end

local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Schedule ------------------------------------------------------------------------------------------------------------

local function phase()
  if s.ends and s.now >= s.ends then
    return ENDED
  elseif s.now < s.opens then
    return IDLE
  elseif s.now < s.starts then
    return POOLING
  end
  return s.seed and SERVING or DRAWING
end

local function enter_phase()
  set('pool_is_closed', s.now >= s.starts and 1 or 0)
  set('phase', phase())
end

local function is_open()
  return s.phase == SERVING and s.paused == 0 and s.sold_out == 0
end

-- All places given so far; none before the pool is closed.
local function line_size()
  return s.pool_is_closed == 1 and s.early + s.late or 0
end

-- Leases --------------------------------------------------------------------------------------------------------------

local function active()
  return redis.call('ZCARD', sub('expiries'))
end

-- Calls a command with many arguments, a few at a time: Lua's stack is small.
local function with_all(members, command, name)
  for first = 1, #members, 1000 do
    redis.call(command, name, unpack(members, first, math.min(first + 999, #members)))
  end
end

local function expire_leases()
  local over = redis.call('ZRANGEBYSCORE', sub('expiries'), '-inf', integer(s.now))
  if #over > 0 then
    with_all(over, 'ZREM', sub('expiries'))
    with_all(over, 'HDEL', sub('leases'))
    changed = true
  end
  local past = redis.call('ZRANGEBYSCORE', sub('closed'), '-inf', integer(s.now))
  if #past > 0 then
    with_all(past, 'ZREM', sub('closed'))
    with_all(past, 'ZREM', sub('closed_log'))
    changed = true
  end
end

-- Ends a session before its time; answers whether there was one.
local function release(place)
  local expires = redis.call('ZSCORE', sub('expiries'), place)
  if not expires then
    return false
  end
  redis.call('ZREM', sub('expiries'), place)
  redis.call('HDEL', sub('leases'), place)
  local member = place .. ':' .. integer(tonumber(expires))
  s.closed_count = s.closed_count + 1
  redis.call('ZADD', sub('closed'), expires, member)
  redis.call('ZADD', sub('closed_log'), integer(s.closed_count), member)
  changed = true
  return true
end

-- Line ----------------------------------------------------------------------------------------------------------------

local function fill(units, elapsed)
  -- Where the product is too large to be exact it is far beyond the burst, which is what counts then.
  return math.min(s.burst * PERSON, units + s.rate * elapsed)
end

-- How many places of from .. upto - 1 are not gone.
local function count_missing(from, upto)
  if upto <= from then
    return 0
  end
  return upto - from - redis.call('BITCOUNT', sub('gone'), integer(from), integer(upto - 1), 'BIT')
end

-- The first place from .. limit - 1 that is not gone, or limit.
local function next_missing(from, limit)
  local found = redis.call('BITPOS', sub('gone'), 0, integer(from), integer(limit - 1), 'BIT')
  if found < 0 then
    -- There is none as far as bits were written; beyond that nobody is gone.
    found = redis.call('STRLEN', sub('gone')) * 8
  end
  return math.min(found, limit)
end

-- The end of the shortest stretch that has so many places which are not gone, and how many it has.
local function stretch(from, limit, wanted)
  local upto, found = from, 0
  while found < wanted and upto < limit do
    local step = math.min(limit, upto + wanted - found)
    local missing = count_missing(upto, step)
    found = found + missing
    upto = missing > 0 and step or next_missing(upto, limit)
  end
  return upto, found
end

local function expire_calls()
  local horizon = s.watch - s.grace
  if horizon < 0 then
    return
  end
  local expired = 0
  while true do
    local first = redis.call('LINDEX', sub('calls'), 0)
    local upto, watch = (first or ''):match('^(%d+):(%d+)$')
    if not upto or tonumber(watch) > horizon then
      break
    end
    upto = tonumber(upto)
    local asking = redis.call('ZCOUNT', sub('asking_places'), integer(s.lapsed), '(' .. integer(upto))
    expired = expired + count_missing(s.lapsed, upto) - asking
    redis.call('LPOP', sub('calls'))
    s.lapsed = upto
    changed = true
  end
  local absent = redis.call('ZRANGEBYSCORE', sub('asking'), '-inf', integer(horizon))
  if #absent > 0 then
    with_all(absent, 'ZREM', sub('asking'))
    with_all(absent, 'ZREM', sub('asking_places'))
    expired = expired + #absent
  end
  if expired > 0 then
    s.expired = s.expired + expired
    s.outstanding = s.outstanding - expired
    s.no_shows = s.no_shows + expired
    changed = true
  end
end

local function call_next(seats)
  changed = changed or s.no_shows > 0
  s.leak = s.leak + s.no_shows * PERSON
  s.no_shows = 0
  local wanted = math.min(math.floor(s.leak / PERSON), seats)
  local upto, called = stretch(s.serving, line_size(), wanted)
  s.leak = s.leak - called * PERSON
  if upto > s.serving then
    s.serving = upto
    s.outstanding = s.outstanding + called
    local call, calls = integer(upto) .. ':' .. integer(s.watch), sub('calls')
    local last = redis.call('LINDEX', calls, -1)
    if last and last:match(':(%d+)$') == integer(s.watch) then
      redis.call('LSET', calls, -1, call)
    else
      redis.call('RPUSH', calls, call)
    end
    changed = true
  end
end

local function is_gone(place)
  return redis.call('GETBIT', sub('gone'), place) == 1
end

local function has_expired(place)
  return tonumber(place) < s.lapsed and not redis.call('ZSCORE', sub('asking'), place)
end

local function ask_no_more(place)
  redis.call('ZREM', sub('asking'), place)
  redis.call('ZREM', sub('asking_places'), place)
end

-- Time ----------------------------------------------------------------------------------------------------------------

-- Brings everything up to date that time alone decides.
local function pass_time()
  local before = s.now
  s.now = math.max(before, ARGV[1] ~= '' and tonumber(ARGV[1]) or server_ms())
  local open = is_open() and math.max(0, math.min(s.ends or s.now, s.now) - before) or 0
  expire_leases()
  local elapsed = s.now - before
  s.leak = fill(s.leak, elapsed)
  s.cap = fill(s.cap, elapsed)
  s.watch = s.watch + open
  expire_calls()
  enter_phase()
  local seats = is_open() and math.max(0, s.max_active - active() - s.outstanding) or 0
  call_next(seats)
end

load_state()
if s.generation then
  pass_time()
end
