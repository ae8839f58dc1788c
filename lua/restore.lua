-- Takes back what an edge knows of a room that has lost it; `Room::restore`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, a random name for the state, should it have lost something, the places that the edge
--          knows to be gone as bits, the byte that these begin with, how many names and values follow, name, value ...
--          (names are those of the state),
--          how many sessions follow, place, admitted at, expires at, hard end of each, then place and time of each that
--          ended early
-- Returns  {'ok', epoch}

load_state()
local server = server_id()
local now = ARGV[1] ~= '' and tonumber(ARGV[1]) or server_ms()
local is_lost = s.generation ~= nil
  and (s.server ~= server or (s.epoch == ARGV[2] and s.revision < tonumber(ARGV[3])))
local was_missing = false
-- Whether the root is put back: what stands in the roster may be from before it was made, and is to be put back as a whole.
local lacked_root = false

local at = 8
local function next_argument()
  at = at + 1
  return ARGV[at - 1]
end

local m = {}
for _ = 1, tonumber(ARGV[7]) do
  local name, value = next_argument(), next_argument()
  m[name] = TEXTS[name] and value or tonumber(value)
end

local function set_numbers(early, late, is_guess)
  if early ~= s.early or late ~= s.late or is_guess ~= s.early_is_guess then
    s.missing = math.max(0, s.missing + early - s.early)
    s.early, s.late, s.early_is_guess = early, late, is_guess
    s.era = s.era + 1
    was_missing = true
  end
end

-- In the pool while it is open, behind the line once N stands.
local function leave_gap()
  if is_lost and s.pool_is_closed == 1 then
    set_numbers(s.early, s.late + GAP, s.early_is_guess)
  elseif is_lost then
    set_numbers(s.early + GAP, s.late, 1)
  end
  was_missing = was_missing or is_lost
end

-- The highest numbers win. `is_mending`: others may know more, so gaps are left.
local function restore_numbers(is_mending)
  local known, upto = m.early + m.late, s.early + s.late
  local needs_gap = is_mending or known > upto
  if needs_gap then
    upto = math.max(upto, known + GAP)
  end
  if s.root or (s.pool_is_closed == 1 and s.early_is_guess == 0) then
    set_numbers(s.early, upto - s.early, s.early_is_guess)
  elseif m.pool_is_closed == 1 then
    set_numbers(m.early, upto - m.early, 0)
  else
    set_numbers(upto - s.late, s.late, needs_gap and 1 or s.early_is_guess)
  end
end

local function restore_fields(names)
  for _, name in ipairs(names) do
    s[name] = m[name]
  end
  was_missing = true
end

local function restore_draw()
  if not s.root and m.root then
    restore_fields({ 'root', 'frozen_at', 'frozen_missing', 'frozen_in' })
    lacked_root = true
  end
  if s.root == m.root and not s.seed and m.seed then
    restore_fields({ 'seed', 'revealed_at', 'beacon', 'signature' })
  end
end

local function restore_settings()
  if m.settings > s.settings then
    restore_fields(POLICY)
    restore_fields({
      'settings', 'ends', 'paused', 'draining', 'sold_out', 'out_of_stock', 'message', 'ramp_from', 'ramp_to',
      'ramp_over', 'ramp_at',
    })
  end
  if m.configured_version > s.configured_version then
    restore_fields({ 'configured_version', 'configured_ends' })
    for _, name in ipairs(POLICY) do
      s['configured_' .. name] = m['configured_' .. name]
    end
  end
end

-- Puts the places that the edge knows to be gone into those of the room: some of them, so that this does not take long.
local function unite_gone()
  local first = tonumber(ARGV[6])
  -- No more bits than there are places.
  local size = line_size() - first * 8
  local bytes = math.min(#ARGV[5], math.ceil(size / 8))
  if bytes <= 0 then
    return
  end
  local known, here, gone = sub('gone_known'), sub('gone_here'), sub('gone')
  redis.call('SET', known, ARGV[5]:sub(1, bytes))
  for place = size, bytes * 8 - 1 do
    redis.call('SETBIT', known, integer(place), 0)
  end
  redis.call('SET', here, redis.call('GETRANGE', gone, first, first + bytes - 1))
  redis.call('BITOP', 'OR', known, known, here)
  was_missing = was_missing or redis.call('BITCOUNT', known) > redis.call('BITCOUNT', here)
  redis.call('SETRANGE', gone, first, redis.call('GET', known))
  redis.call('DEL', known, here)
end

local function restore_line()
  local serving = math.min(math.max(s.serving, m.serving), line_size())
  was_missing = was_missing or serving > s.serving
  s.serving = serving
  s.lapsed = math.min(math.max(s.lapsed, m.lapsed), serving)
  for _, name in ipairs({ 'admitted', 'expired', 'honoured', 'left', 'let_in' }) do
    s[name] = math.max(s[name], m[name])
  end
  unite_gone()
end

local function is_closed(place)
  return redis.call('ZSCORE', sub('closed'), place)
end

local function restore_closed(place, until_at)
  if tonumber(until_at) > s.now and not is_closed(place) then
    close(place, until_at)
    was_missing = true
  end
end

local function restore_sessions()
  local sessions = {}
  for _ = 1, tonumber(next_argument()) do
    sessions[#sessions + 1] = { next_argument(), next_argument(), next_argument(), next_argument() }
  end
  while at <= #ARGV do
    restore_closed(next_argument(), next_argument())
  end
  for _, session in ipairs(sessions) do
    local place, admitted_at, expires, hard_end = unpack(session)
    local known = tonumber(redis.call('ZSCORE', sub('expiries'), place) or 0)
    if tonumber(expires) > s.now and known < tonumber(expires) and not is_closed(place) then
      redis.call('HSETNX', sub('leases'), place, admitted_at .. ':' .. hard_end)
      redis.call('ZADD', sub('expiries'), expires, place)
      was_missing = true
    end
  end
end

-- Whoever was called has the whole grace again, and the buckets begin empty: nobody knows how much of the burst was used.
local function begin_again()
  for _, place in ipairs(redis.call('ZRANGE', sub('asking_places'), 0, -1)) do
    if is_gone(place) then
      ask_no_more(place)
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

-- The sale of the known plan, of which nothing else is left here.
local function begin_lost()
  local revision, era = s.revision or 0, (s.era or 0) + 1
  if s.generation then
    forget_sale()
  end
  s = { now = math.max(now, s.now or 0), revision = revision, generation = m.generation }
  for _, name in ipairs({
    'room', 'opens', 'starts', 'round', 'fallback', 'secret', 'commitment', 'descriptor', 'digest', 'scheduled',
    'configured_ends', 'configured_version',
  }) do
    s[name] = m[name]
  end
  for _, name in ipairs(POLICY) do
    s['configured_' .. name], s[name] = m['configured_' .. name], m['configured_' .. name]
  end
  s.ends = s.configured_ends
  for _, name in ipairs(NUMBERS) do
    s[name] = 0
  end
  s.pool_is_closed, s.phase, s.era = 0, IDLE, era
  is_lost = true
end

local function restore()
  leave_gap()
  restore_numbers(is_lost or is_mending())
  restore_draw()
  restore_settings()
  s.pool_is_closed = math.max(s.pool_is_closed, m.pool_is_closed)
  restore_line()
  restore_sessions()
end

if not s.generation and not m.generation then
  return { 'refused', 'not_scheduled' }
end
local now_before = s.now
s.now = math.max(s.now or 0, now, m.now or 0)
local is_same = s.generation == m.generation and s.digest == m.digest
local gives_way = not s.generation or (m.generation and (m.generation > s.generation
  or (m.generation == s.generation and m.scheduled < s.scheduled)))
-- Where the roster has holes, no more of it is intact than was before.
local intact = (s.missing or 0) > 0 and s.intact or s.early or 0
if m.generation and (is_same or gives_way) then
  if not is_same then
    begin_lost()
    intact = 0
  end
  restore()
else
  leave_gap()
end
if is_lost then
  s.epoch, s.server, s.intact = ARGV[4], server, intact
end
if lacked_root then
  s.intact = 0
end
if was_missing then
  s.mending = s.now + MENDING_MS
  s.revision = math.max(s.revision, m.revision or 0)
  begin_again()
  enter_phase()
  tell()
else
  -- Time has not passed for the rest of the state.
  s.now = now_before
end
return finish({ 'ok', s.epoch })
