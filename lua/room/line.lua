-- The line: who was called, who is expected to come, and whom to call next. `Line` in crates/core/src/room/line.rs.

-- The share of called places that stay empty, of late, in units of a person.
local function no_show_units()
  local share = math.floor(s.lapsed_no_shows * PERSON / (s.lapsed_calls + SHARE_PRIOR_CALLS))
  return math.min(share, SHARE_UNITS_MAX)
end

-- What one call speaks for, in units.
local function call_units()
  return PERSON - no_show_units()
end

-- In units: how many ask, and how many of the other called should still come; less than none where more came than should
-- have.
local function asking_and_silent_units()
  local asking = redis.call('ZCARD', sub('asking'))
  local silent = s.outstanding - asking
  local came = math.max(0, s.calling - silent)
  return asking * PERSON, s.calling * call_units() - came * PERSON
end

-- How many of the called are still expected, in units.
local function expected_units()
  local asking, silent = asking_and_silent_units()
  return asking + math.max(0, silent)
end

-- The places that nobody is called for.
local function walked()
  return s.has_passed == 1 and sub('passed') or sub('gone')
end

-- How many places of from .. upto - 1 somebody may come with who has not.
local function count_missing(from, upto)
  if upto <= from then
    return 0
  end
  return upto - from - redis.call('BITCOUNT', walked(), integer(from), integer(upto - 1), 'BIT')
end

-- The first such place from .. limit - 1, or limit.
local function next_missing(from, limit)
  local found = redis.call('BITPOS', walked(), 0, integer(from), integer(limit - 1), 'BIT')
  if found < 0 then
    -- There is none as far as bits were written; beyond that nobody is gone.
    found = redis.call('STRLEN', walked()) * 8
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
    local upto, watch, called = (first or ''):match('^(%d+):(%d+):(%d+)$')
    if not upto or tonumber(watch) > horizon then
      break
    end
    upto = tonumber(upto)
    local asking = redis.call('ZCOUNT', sub('asking_places'), integer(s.lapsed), '(' .. integer(upto))
    expired = expired + count_missing(s.lapsed, upto) - asking
    redis.call('LPOP', sub('calls'))
    changed = changed or upto ~= s.lapsed
    s.lapsed = upto
    s.calling = s.calling - tonumber(called)
    s.lapsed_calls = s.lapsed_calls + tonumber(called)
  end
  local absent = redis.call('ZRANGEBYSCORE', sub('asking'), '-inf', integer(horizon), 'LIMIT', 0, DUE_MAX)
  if #absent > 0 then
    with_all(absent, 'ZREM', sub('asking'))
    with_all(absent, 'ZREM', sub('asking_places'))
    expired = expired + #absent
  end
  s.expired = s.expired + expired
  s.outstanding = s.outstanding - expired
  s.lapsed_no_shows = s.lapsed_no_shows + expired
  changed = changed or expired > 0
  while s.lapsed_calls > SHARE_CALLS_MAX do
    s.lapsed_calls = math.floor(s.lapsed_calls / 2)
    s.lapsed_no_shows = math.floor(s.lapsed_no_shows / 2)
  end
end

-- How many more can be called where the called may not take more than so many units, all of them at once.
local function callable(most)
  local asking, silent = asking_and_silent_units()
  if most - asking - math.max(0, silent) < call_units() then
    return 0
  end
  return math.max(0, math.floor((most - asking - silent) / call_units()))
end

-- Calls so many, passing over places that were given up; answers how many there were.
local function call_some(wanted)
  local upto, called = stretch(s.serving, line_size(), wanted)
  if upto > s.serving then
    s.serving = upto
    s.outstanding = s.outstanding + called
    s.calling = s.calling + called
    local calls = sub('calls')
    local watch, before = (redis.call('LINDEX', calls, -1) or ''):match(':(%d+):(%d+)$')
    local call = integer(upto) .. ':' .. integer(s.watch) .. ':'
    if watch == integer(s.watch) then
      redis.call('LSET', calls, -1, call .. integer(tonumber(before) + called))
    else
      redis.call('RPUSH', calls, call .. integer(called))
    end
    changed = true
  end
  return called
end

-- Whether the cap could let in somebody soon besides those who ask already.
local function is_idle_soon()
  local soon = s.cap + per_minute(s.now) * ASKED_AHEAD_MS
  return soon - redis.call('ZCARD', sub('asking')) * PERSON >= call_units()
end

-- The leak never holds more than a burst for others than those who are expected.
local function spill()
  s.leak = math.min(s.burst * PERSON + expected_units(), s.leak)
end

local function call_next(seats)
  local extra = call_some(math.min(s.to_let_in, callable(seats * PERSON)))
  s.to_let_in = s.to_let_in - extra
  s.cap_extra = s.cap_extra + extra
  s.cap = s.cap + extra * PERSON
  s.leak = s.leak + extra * PERSON
  spill()
  if is_idle_soon() then
    call_some(math.min(callable(s.leak), callable(seats * PERSON)))
  end
end

local function is_gone(place)
  return redis.call('GETBIT', sub('gone'), place) == 1
end

local function has_expired(place)
  return tonumber(place) < s.lapsed and not redis.call('ZSCORE', sub('asking'), place)
end

local function set_gone(place)
  redis.call('SETBIT', sub('gone'), place, 1)
  if s.has_passed == 1 then
    redis.call('SETBIT', sub('passed'), place, 1)
  end
end

-- Sets the bits from .. upto - 1.
local function set_bits(name, from, upto)
  while from < upto and from % 8 ~= 0 do
    redis.call('SETBIT', name, integer(from), 1)
    from = from + 1
  end
  local bytes = math.floor((upto - from) / 8)
  if bytes > 0 then
    redis.call('SETRANGE', name, integer(from / 8), string.rep('\255', bytes))
  end
  for place = from + math.max(0, bytes) * 8, upto - 1 do
    redis.call('SETBIT', name, integer(place), 1)
  end
end

-- Passes over places that nobody is known to have: they are not called for, and cost neither credit nor grace.
local function pass_over(from, upto)
  if from >= upto then
    return
  end
  if s.has_passed == 0 then
    redis.call('COPY', sub('gone'), sub('passed'))
    s.has_passed = 1
  end
  set_bits(sub('passed'), from, upto)
end

-- A fan has come with a place that was passed over: it is somebody's, who waits from now on like everyone who was called.
local function find(place)
  if s.has_passed == 1 and tonumber(place) < s.serving and not is_gone(place)
    and redis.call('GETBIT', sub('passed'), place) == 1 then
    redis.call('SETBIT', sub('passed'), place, 0)
    redis.call('ZADD', sub('asking_places'), place, place)
    redis.call('ZADD', sub('asking'), integer(s.watch), place)
    s.outstanding = s.outstanding + 1
    changed = true
  end
end

local function ask_no_more(place)
  redis.call('ZREM', sub('asking'), place)
  redis.call('ZREM', sub('asking_places'), place)
end
