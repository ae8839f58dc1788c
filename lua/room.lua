-- What every script of a room begins with: the room's state, and what time alone decides. lua/begin.lua goes on.
--
-- The transitions are those of src/room, function for function; one conformance suite drives both. This file stands
-- before each script when it is loaded, so it is one script for Redis.
--
-- KEYS[1]  fairgate:{<room>}, a hash with everything that is not counted in fans; all other keys of the room begin with
--          it and the sale's generation, and are in the same slot because of the braces:
--            :<generation>:roster:<n>          16,000 entries of 32 bytes each, the pool in order
--            :<generation>:claims:<n>          10,000 lines of 72 bytes each, the list of claims in order of admission
--            :<generation>:gone                a bit for each place admitted or given up
--            :<generation>:passed              where numbers were left out after a loss: the same bits, and one for each
--                          place that nobody is known to have
--            :<generation>:calls               list of <end>:<watch>:<called>, the calls within their grace
--            :<generation>:asking              sorted set, places that had to wait, by the watch when they asked last
--            :<generation>:asking_places       the same places, by place
--            :<generation>:leases              hash, place -> <admitted>:<hard end>
--            :<generation>:expiries            sorted set, places inside, by when their lease ends
--            :<generation>:closed              sorted set, places of sessions that ended early, by when their pass would have ended
--            :<generation>:closed_log          sorted set, <place>:<until>, by the order in which they were closed
--            :<generation>:recent:<era>:<minute>:<n>  rows of 4 bytes, the pool's entries of a minute, by lua/enter.lua;
--                          expires by itself
--            :<generation>:recent_line:<era>:<minute>:<n>  hash, 16 bytes of a later entry -> its place; likewise
--            :<generation>:joins:<network>     when the network's credit for joins will be whole again; expires then
--          On the channel KEYS[1]:changes the revision is published when phase, plan, draw or controls change.
-- ARGV[1]  the time, Unix ms; '<' and a time for the server's clock, but no later than that, however it was set; '' for the
--          server's clock
-- ARGV[2]  the epoch that the caller knows, or ''; a state that was lost and put back has another one
-- ARGV[3]  the revision that the caller knows at least
-- Returns  whatever `answer` or `refuse` made. A refusal is {'refused', code, detail ...}; src/store/redis/refusal.rs
--          knows the codes.

-- The numbers that the room has in both forms (PERSON, GAP, MENDING_MS, ...) are written in front of this file when it is
-- loaded: src/store/redis/script.rs. These are the scripts' own.
local DUE_MAX = 300

local IDLE, POOLING, DRAWING, SERVING, ENDED = 0, 1, 2, 3, 4
local POLICY = {
  'rate', 'burst', 'max_active', 'grace', 'idle', 'max', 'witness', 'late_policy', 'mode', 'target', 'floor',
}
local TEXTS = {
  room = true, message = true, secret = true, commitment = true, descriptor = true, digest = true, root = true,
  seed = true, signature = true, beacon = true, epoch = true, late_policy = true, mode = true,
  configured_late_policy = true, configured_mode = true, steer_limit = true, server = true, frozen_in = true, edge = true,
}

-- What a sale counts from 0.
local NUMBERS = {
  'paused', 'draining', 'sold_out', 'out_of_stock', 'early', 'late', 'serving', 'lapsed', 'calling', 'outstanding',
  'watch', 'leak', 'cap', 'cap_extra', 'let_in', 'to_let_in', 'lapsed_calls', 'lapsed_no_shows', 'admitted', 'expired',
  'honoured', 'left', 'listed', 'closed_count', 'settings', 'missing', 'intact', 'mending', 'early_is_guess', 'era',
  'gap_owed', 'left_from', 'left_in_pool', 'has_passed',
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
  if s.generation then
    -- A state of another version may lack some.
    for _, name in ipairs(NUMBERS) do
      s[name] = s[name] or 0
    end
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

-- Keys that have no end of their own. A server that evicts keys takes one of them and leaves the others: how many there
-- are is kept, so that it is noticed.
local PARTS = { 'gone', 'passed', 'calls', 'asking', 'asking_places', 'leases', 'expiries', 'closed', 'closed_log' }

local function count_parts()
  local names = {}
  for i, name in ipairs(PARTS) do
    names[i] = sub(name)
  end
  return redis.call('EXISTS', unpack(names))
end

-- The first chunk from .. upto - 1 of the roster that is gone, of those that must be there, or nil.
local function missing_chunk(from, upto)
  -- Behind what is intact there may be chunks of which nothing was written.
  local whole = math.ceil((s.missing > 0 and s.intact or s.early) / ENTRIES_A_CHUNK)
  upto = math.min(upto, whole)
  local names = {}
  for chunk = from, upto - 1 do
    names[#names + 1] = sub('roster:' .. integer(chunk))
  end
  if #names == 0 or redis.call('EXISTS', unpack(names)) == #names then
    return nil
  end
  for i, name in ipairs(names) do
    if redis.call('EXISTS', name) == 0 then
      return from + i - 1
    end
  end
end

-- Whether the last script was one of this version: while a fleet is upgraded others know nothing of parts.
local function is_ours()
  return s.parts_now == s.now and s.parts_revision == s.revision
end

-- Whether a part of the room is gone that was there when the last script ended.
local function lacks_part()
  return is_ours() and s.parts ~= count_parts()
end

local function finish(reply)
  if changed then
    s.revision = s.revision + 1
  end
  s.parts, s.parts_now, s.parts_revision = count_parts(), s.now, s.revision
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

-- The time that this call goes by.
local function called_ms()
  local latest = ARGV[1]:match('^<(%d+)$')
  if latest then
    return math.min(server_ms(), tonumber(latest))
  end
  return ARGV[1] ~= '' and tonumber(ARGV[1]) or server_ms()
end

-- The run of the server: another one may lack the end of what this one had.
local function server_id()
  return redis.call('INFO', 'server'):match('run_id:(%x+)')
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
  return s.phase == SERVING and s.paused == 0 and s.sold_out == 0 and s.out_of_stock == 0
end

-- Whether the state has lost something, and those who know it are putting it back.
local function is_mending()
  return s.now < s.mending
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

-- Pace ----------------------------------------------------------------------------------------------------------------

local function is_steered(at)
  return s.mode == 'adaptive' and s.steer_until ~= nil and at < s.steer_until
end

-- What people set, people per minute.
local function set_per_minute(at)
  local elapsed = s.ramp_at and math.max(0, at - s.ramp_at)
  if not elapsed or elapsed >= s.ramp_over then
    return s.rate
  end
  local step = elapsed - elapsed % STEP_MS
  return s.ramp_from + math.floor((s.ramp_to - s.ramp_from) * step / s.ramp_over)
end

local function per_minute(at)
  local set_rate = set_per_minute(at)
  if s.mode == 'fixed' then
    return set_rate
  end
  return math.min(set_rate, is_steered(at) and s.steer_rate or s.floor)
end

local function max_active(at)
  return is_steered(at) and math.min(s.steer_active, s.max_active) or s.max_active
end

local function end_ramp()
  if s.ramp_at then
    s.ramp_from, s.ramp_to, s.ramp_over, s.ramp_at = nil, nil, nil, nil
    tell()
  end
end

-- When the rate may be another one than it is now.
local function changes_at(at)
  local change = math.huge
  local elapsed = s.ramp_at and math.max(0, at - s.ramp_at)
  if elapsed and elapsed < s.ramp_over then
    change = s.ramp_at + math.min(elapsed - elapsed % STEP_MS + STEP_MS, s.ramp_over)
  end
  if s.steer_until and s.steer_until > at then
    change = math.min(change, s.steer_until)
  end
  return change
end

-- What the rate gives from one moment to another. Where it is too large to be exact it is far beyond the burst, which is
-- what counts then.
local function units_between(from, upto)
  local units = 0
  while from < upto do
    local change = math.min(changes_at(from), upto)
    units = units + per_minute(from) * (change - from)
    from = change
  end
  return units
end

-- Line ----------------------------------------------------------------------------------------------------------------

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

-- Loss ----------------------------------------------------------------------------------------------------------------

-- Numbers below `upto` are known to have been given.
local function note_known(upto)
  -- One more, since 0 is none.
  s.left_from = math.max(s.left_from, upto + 1)
end

-- Goes on from these numbers; answers whether they are others. Then it is not known any more who came just now.
local function put_numbers(early, late, is_guess)
  local is_new = early ~= s.early or late ~= s.late or is_guess ~= s.early_is_guess
  if is_new then
    s.missing = math.max(0, s.missing + early - s.early)
    s.early, s.late, s.early_is_guess = early, late, is_guess
    s.era = s.era + 1
  end
  return is_new
end

-- Leaves a gap: in the pool while it is open, behind the line once N stands.
local function leave_gap()
  note_known(s.early + s.late)
  if s.pool_is_closed == 1 then
    put_numbers(s.early, s.late + GAP, s.early_is_guess)
  else
    put_numbers(s.early + GAP, s.late, 1)
  end
end

-- Whoever was called has the whole grace again, and the buckets begin empty: nobody knows how much of the burst was used.
local function begin_again()
  for _, place in ipairs(redis.call('ZRANGE', sub('asking_places'), 0, -1)) do
    if is_gone(place) then
      ask_no_more(place)
    else
      -- Their grace begins anew with the call's, which it must not end before.
      redis.call('ZADD', sub('asking'), integer(s.watch), place)
    end
  end
  s.calling = count_missing(s.lapsed, s.serving)
  s.outstanding = s.calling + redis.call('ZCOUNT', sub('asking_places'), '-inf', '(' .. integer(s.lapsed))
  redis.call('DEL', sub('calls'))
  if s.serving > s.lapsed then
    local call = integer(s.serving) .. ':' .. integer(s.watch) .. ':' .. integer(s.calling)
    redis.call('RPUSH', sub('calls'), call)
  end
  s.leak, s.cap, s.cap_extra = 0, 0, 0
end

-- After something was put back: waits for others who may know more, and lets the line begin again.
local function mend()
  s.mending = s.now + MENDING_MS
  begin_again()
  enter_phase()
  tell()
end

-- Once the room is right again: who has not been heard may have known more, so a gap is left for that; and what was left
-- out is passed over.
local function settle_gaps()
  if is_mending() then
    return
  end
  if s.gap_owed == 1 then
    s.gap_owed = 0
    leave_gap()
    begin_again()
    changed = true
  end
  if s.left_from > 0 then
    local from, upto = s.left_from - 1, s.early + s.late
    s.left_from = 0
    s.left_in_pool = s.left_in_pool + math.max(0, math.min(upto, s.early) - from)
    pass_over(math.max(from, s.early), upto)
    changed = true
  end
end

-- Sale ----------------------------------------------------------------------------------------------------------------

-- Takes away the keys of this sale.
local function forget_sale()
  for chunk = 0, math.floor(s.early / ENTRIES_A_CHUNK) do
    redis.call('UNLINK', sub('roster:' .. integer(chunk)))
  end
  for chunk = 0, math.floor(s.listed / CLAIMS_A_CHUNK) do
    redis.call('UNLINK', sub('claims:' .. integer(chunk)))
  end
  for _, name in ipairs({ 'gone', 'passed', 'calls', 'asking', 'asking_places', 'leases', 'expiries', 'closed', 'closed_log' }) do
    redis.call('UNLINK', sub(name))
  end
end

-- Time ----------------------------------------------------------------------------------------------------------------

-- Brings everything up to date that time alone decides.
local function pass_time()
  local before = s.now
  s.now = math.max(before, called_ms())
  local open = is_open() and math.max(0, math.min(s.ends or s.now, s.now) - before) or 0
  if s.now - before > SILENCE_MS then
    -- Nobody could come in, so it is nobody's grace; nor could anybody put anything back.
    if open > 0 then
      open, changed = 0, true
    end
    if before < s.mending then
      s.mending, changed = s.mending + s.now - before, true
    end
  end
  settle_gaps()
  expire_leases()
  local gained, burst = units_between(before, s.now), s.burst * PERSON
  s.leak = math.min(burst + expected_units(), s.leak + gained)
  s.cap = math.min(burst + s.cap_extra * PERSON, s.cap + gained)
  s.watch = s.watch + open
  expire_calls()
  -- Calls in vain are learned of too late to call others in their stead, who would only have to wait for the cap.
  spill()
  enter_phase()
  if is_open() and s.draining == 0 and not is_mending() then
    call_next(math.max(0, max_active(s.now) - active()))
  end
end
