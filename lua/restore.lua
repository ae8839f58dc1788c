-- Takes back what an edge knows of a room that has lost it; `Room::restore`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, a random name for the state, should it have lost something, the places that the edge
--          knows to be gone as bits, the byte that these begin with, how many names and values follow, name, value ...
--          (names are those of the state, and edge: the caller's own name),
--          how many moves follow, position, key, how often and since when of each (lua/room/keys.lua),
--          how many sessions follow, place, admitted at, expires at, hard end of each, then place and time of each that
--          ended early
-- Returns  {'ok', epoch}

load_state()
local server = server_id()
local now = called_ms()
local is_anothers = s.generation ~= nil and s.server ~= server
-- Older than the caller knows, or of another descent.
local is_lost = s.generation ~= nil and (s.epoch == ARGV[2] and s.revision < tonumber(ARGV[3])
  or is_anothers and ARGV[2] ~= '' and s.epoch ~= ARGV[2])
-- As far as it is known, all is there: whether anybody knows more is to be heard.
local is_suspect = s.generation ~= nil and ((is_anothers and not is_lost) or s.gap_owed == 1)
-- A part of it is gone that was there when the last script ended; nothing else is.
local part_is_gone = s.generation ~= nil and lacks_part()
local gone_chunk = s.generation and missing_chunk(0, s.tiers and chunks_of_all() or math.ceil(s.early / ENTRIES_A_CHUNK))
local was_missing = part_is_gone or gone_chunk ~= nil
-- Whether the root is put back: what stands in the roster may be from before it was made, and is to be put back as a whole.
local lacked_root = false

local at = 8 + 2 * tonumber(ARGV[7])
local function next_argument()
  at = at + 1
  return ARGV[at - 1]
end

local m = named_arguments(8, at - 1)

local EDGE, AWAITED = 'edge:', 'await:'

local function names(prefix)
  local found = {}
  for name in pairs(s) do
    if name:sub(1, #prefix) == prefix then
      found[#found + 1] = name
    end
  end
  return found
end

local function has_seen_others()
  for _, name in ipairs(names(EDGE)) do
    if name ~= EDGE .. m.edge and s.now - s[name] <= SEEN_MS then
      return true
    end
  end
  return false
end

-- The pool closes with this call, and others may know more. Entries that they have yet to put back need numbers in it, so what
-- may be lost counts as lost.
local closes = s.generation ~= nil and s.pool_is_closed == 0 and math.max(s.now, now, m.now or 0) >= s.starts
if is_anothers and not is_lost and closes and has_seen_others() then
  is_lost, is_suspect = true, s.gap_owed == 1
end

local function set_numbers(early, late, is_guess)
  was_missing = put_numbers(early, late, is_guess) or was_missing
end

local function leave_gap_if_lost()
  if is_lost then
    leave_gap()
    was_missing = true
  end
end

-- The same in a room with tiers.
local function restore_tiers(is_mending)
  local known, before, early = m.early + m.late, s.early + s.late, 0
  local stands = s.root or (s.pool_is_closed == 1 and s.early_is_guess == 0)
  local tiers, needs_gap = tallies('n'), is_mending or known > before
  for tier = 0, s.tiers - 1 do
    needs_gap = needs_gap or (not stands and tiers[tier] < m['n' .. tier])
  end
  local upto, late, is_guess = needs_gap and math.max(before, known + GAP) or before, s.late, s.early_is_guess
  if stands then
    late = upto - s.early
  elseif m.pool_is_closed == 1 then
    late, is_guess = math.max(0, upto - m.early), 0
  elseif needs_gap then
    is_guess = 1
  end
  for tier = 0, s.tiers - 1 do
    local theirs = m['n' .. tier]
    if not stands then
      tiers[tier] = m.pool_is_closed == 1 and theirs or math.max(tiers[tier], theirs + (needs_gap and GAP or 0))
    end
    early = early + tiers[tier]
  end
  if early + late > before or s.left_from > 0 then
    note_known(known)
  end
  was_missing = put_tiers(tiers, late, is_guess) or was_missing
end

-- The highest numbers win. `is_mending`: others may know more, so gaps are left.
local function restore_numbers(is_mending)
  if s.tiers then
    return restore_tiers(is_mending)
  end
  local known, upto = m.early + m.late, s.early + s.late
  local before = upto
  local needs_gap = is_mending or known > upto
  if needs_gap then
    upto = math.max(upto, known + GAP)
  end
  if upto > before or s.left_from > 0 then
    note_known(known)
  end
  if s.root or (s.pool_is_closed == 1 and s.early_is_guess == 0) then
    set_numbers(s.early, upto - s.early, s.early_is_guess)
  elseif m.pool_is_closed == 1 then
    set_numbers(m.early, upto - m.early, 0)
  else
    set_numbers(upto - s.late, s.late, needs_gap and 1 or s.early_is_guess)
  end
end

-- Keys that say the same in two ways: where one of two is gone the other is of no use.
local function make_parts_agree()
  for one, other in pairs({ leases = 'expiries', expiries = 'leases', asking_places = 'asking' }) do
    if redis.call('EXISTS', sub(one)) == 0 then
      redis.call('DEL', sub(other))
    end
  end
  redis.call('DEL', sub('closed_log'))
  s.closed_count = 0
  local ended = redis.call('ZRANGE', sub('closed'), 0, -1, 'WITHSCORES')
  for i = 1, #ended, 2 do
    s.closed_count = s.closed_count + 1
    redis.call('ZADD', sub('closed_log'), integer(s.closed_count), ended[i] .. ':' .. integer(tonumber(ended[i + 1])))
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
    restore_fields({ 'root', 'roots', 'frozen_at', 'frozen_missing', 'frozen_left', 'frozen_in' })
    for tier = 0, (s.tiers or 0) - 1 do
      s['f' .. tier] = m['f' .. tier]
    end
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
  if s.has_passed == 1 then
    redis.call('BITOP', 'OR', sub('passed'), sub('passed'), gone)
  end
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

-- Of two moves of one position the later one stands.
local function restore_moves()
  for _ = 1, tonumber(next_argument()) do
    local position, to = next_argument(), next_argument()
    local moves, since = tonumber(next_argument()), tonumber(next_argument())
    local key, known_moves, known_since = bound(position)
    if not key or moves > known_moves or (moves == known_moves and since > known_since) then
      redis.call('HSET', sub('moved'), position, to .. struct.pack('>BI8', moves, since))
      was_missing = true
    end
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
    local is_here = known >= tonumber(expires) and redis.call('HEXISTS', sub('leases'), place) == 1
    if tonumber(expires) > s.now and not is_here and not is_closed(place) then
      redis.call('HSETNX', sub('leases'), place, admitted_at .. ':' .. hard_end)
      redis.call('ZADD', sub('expiries'), 'GT', expires, place)
      was_missing = true
    end
  end
end

-- The sale of the known plan, of which nothing else is left here.
local function begin_lost()
  local revision, era = s.revision or 0, (s.era or 0) + 1
  if s.generation then
    forget_sale()
    forget_index_at_once()
  end
  s = { now = math.max(now, s.now or 0), revision = revision, generation = m.generation }
  for _, name in ipairs({
    'room', 'scheduled', 'configured_ends', 'configured_version', unpack(DRAW),
  }) do
    s[name] = m[name]
  end
  begin_tiers()
  for _, name in ipairs(POLICY) do
    s['configured_' .. name], s[name] = m['configured_' .. name], m['configured_' .. name]
  end
  s.ends = s.configured_ends
  for _, name in ipairs(NUMBERS) do
    s[name] = 0
  end
  s.pool_is_closed, s.phase, s.era = 0, IDLE, era
  is_lost, is_suspect = true, false
end

local function restore()
  local before = s.early + s.late
  local others_may_know = is_mending() and not is_suspect
  leave_gap_if_lost()
  restore_numbers(is_lost or others_may_know)
  restore_draw()
  restore_settings()
  s.pool_is_closed = math.max(s.pool_is_closed, m.pool_is_closed)
  restore_line()
  restore_moves()
  restore_sessions()
  if was_missing and is_suspect then
    -- It has lost something, and may have lost numbers that nobody here knows.
    s.gap_owed = 0
    if s.early + s.late == before then
      leave_gap()
    end
  end
end

-- Whether others than the caller may know more than what is here.
local function await_others()
  local are_awaited = false
  for _, name in ipairs(names(AWAITED)) do
    s[name] = nil
  end
  for _, name in ipairs(names(EDGE)) do
    if s.now - s[name] > SEEN_MS then
      s[name] = nil
    elseif name ~= EDGE .. m.edge then
      s[AWAITED .. name:sub(#EDGE + 1)], are_awaited = 1, true
    end
  end
  return are_awaited
end

local function hear_caller()
  s[AWAITED .. m.edge] = nil
  if s.gap_owed == 1 and #names(AWAITED) == 0 then
    s.gap_owed, s.mending = 0, s.now
    tell()
  end
end

if not s.generation and not m.generation then
  return { 'refused', 'not_scheduled' }
end
local now_before = s.now
s.now = math.max(s.now or 0, now, m.now or 0)
local is_same = s.generation == m.generation and s.digest == m.digest

-- Whether what is known is of a sale that the one here has to give way to; `Sale::gives_way_to`.
local function gives_way_to_known()
  if m.generation ~= s.generation then
    return m.generation > s.generation
  elseif m.scheduled ~= s.scheduled then
    return m.scheduled < s.scheduled
  end
  return m.settings > s.settings
end

local gives_way = not s.generation or (m.generation and gives_way_to_known())
-- Where the roster has holes, no more of it is intact than was before.
local intact = (s.missing or 0) > 0 and s.intact or s.early or 0
if part_is_gone then
  make_parts_agree()
end
if m.generation and (is_same or gives_way) then
  if not is_same then
    begin_lost()
    intact, gone_chunk = 0, nil
  end
  restore()
else
  leave_gap_if_lost()
end
if s.tiers and (is_lost or (s.missing or 0) > 0) then
  -- Each tier has an end of its own, so all of it is put back, as far as it is not there.
  intact = 0
end
if is_lost or is_anothers then
  s.epoch, s.server, s.intact = ARGV[4], server, intact
end
if lacked_root then
  s.intact = 0
end
if (part_is_gone or gone_chunk) and s.epoch ~= ARGV[4] then
  -- Everybody puts back what he knows of it.
  s.epoch = ARGV[4]
end
-- A chunk of a tier that is gone is there from now on, empty.
local function empty_tier_chunk(number)
  local tier, chunk = tier_chunk(number)
  local name, first = tier .. ':' .. integer(chunk), chunk * ENTRIES_A_CHUNK
  local count = math.min(first + ENTRIES_A_CHUNK, s['n' .. tier]) - first
  s.intact = 0
  s['m' .. tier] = math.min(s['n' .. tier], s['m' .. tier] + count)
  s.missing = 0
  for each = 0, s.tiers - 1 do
    s.missing = s.missing + s['m' .. each]
  end
  redis.call('SET', sub('roster:' .. name), string.rep('\0', count * 32))
  redis.call('SET', sub('tags:' .. name), string.rep('\0', count * 16))
end

if gone_chunk and s.tiers then
  empty_tier_chunk(gone_chunk)
elseif gone_chunk then
  local first = gone_chunk * ENTRIES_A_CHUNK
  local upto = math.min(first + ENTRIES_A_CHUNK, s.early)
  s.intact = math.min(s.missing > 0 and s.intact or s.early, first)
  s.missing = math.max(s.missing, math.min(s.early, s.missing + upto - first))
  -- It is there from now on, empty; the next one that is gone is found by the next call.
  redis.call('SETRANGE', sub('roster:' .. integer(gone_chunk)), (upto - first) * 32 - 1, '\0')
end
if was_missing then
  s.revision = math.max(s.revision, m.revision or 0)
  mend()
else
  -- Time has not passed for the rest of the state.
  s.now = now_before
  if is_anothers then
    -- Before anybody is awaited, since they were not while nobody was asked.
    local others = await_others()
    pass_time()
    s.gap_owed = others and 1 or 0
    s.mending = others and s.now + RECOVERY_MS or s.now
    tell()
  end
end
hear_caller()
return finish({ 'ok', s.epoch })
