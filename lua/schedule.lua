-- Fixes or (while idle) replaces the plan, or begins the next sale; `Command::Schedule`.
--
-- KEYS[1]  the room
-- ARGV     now, room, opens, starts, ends or '', secret,
--          rate, burst, max_active, grace, idle, max, witness, late, mode, target, floor,
--          commitment, descriptor, digest, a random name for the state, should it begin with this,
--          the beacon's round or '', after how many ms the draw goes on without it or ''
-- Returns  {'ok'}

local room, opens, starts, ends = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local round, fallback = tonumber(ARGV[22]), tonumber(ARGV[23])

local function take_draw()
  s.opens, s.starts, s.round, s.fallback = opens, starts, round, fallback
  s.secret, s.commitment, s.descriptor, s.digest = ARGV[6], ARGV[18], ARGV[19], ARGV[20]
end

local function reconfigure()
  local rate_before = s.rate
  for i, name in ipairs(POLICY) do
    local value = TEXTS[name] and ARGV[6 + i] or tonumber(ARGV[6 + i])
    if s['configured_' .. name] ~= value then
      set('configured_' .. name, value)
      set(name, value)
    end
  end
  if s.configured_ends ~= ends then
    set('configured_ends', ends)
    set('ends', ends)
    tell()
  end
  if s.rate ~= rate_before then
    end_ramp()
  end
end

-- The last sale's keys go with it; none of its fans is waiting any more.
local function forget_last_sale()
  for chunk = 0, math.floor(s.early / ENTRIES_A_CHUNK) do
    redis.call('UNLINK', sub('roster:' .. integer(chunk)))
  end
  for chunk = 0, math.floor(s.listed / CLAIMS_A_CHUNK) do
    redis.call('UNLINK', sub('claims:' .. integer(chunk)))
  end
  for _, name in ipairs({ 'gone', 'calls', 'asking', 'asking_places', 'leases', 'expiries', 'closed', 'closed_log' }) do
    redis.call('UNLINK', sub(name))
  end
end

local function new_sale()
  local now = s.now or (ARGV[1] ~= '' and tonumber(ARGV[1]) or server_ms())
  local revision, generation = s.revision or 0, s.generation or 0
  if s.generation then
    forget_last_sale()
  end
  s = { now = now, revision = revision, generation = generation + 1, room = room, epoch = ARGV[21] }
  for _, name in ipairs({
    'paused', 'draining', 'sold_out', 'out_of_stock', 'early', 'late', 'serving', 'lapsed', 'calling', 'outstanding',
    'watch', 'cap_extra', 'let_in', 'to_let_in', 'lapsed_calls', 'lapsed_no_shows', 'admitted', 'expired', 'honoured',
    'left', 'listed', 'closed_count',
  }) do
    s[name] = 0
  end
  take_draw()
  reconfigure()
  s.leak, s.cap = s.burst * PERSON, s.burst * PERSON
  enter_phase()
  tell()
end

if not s.generation then
  new_sale()
  return answer()
end
local has_times = s.opens == opens and s.starts == starts
if s.room ~= room then
  return refuse('another_room')
elseif has_times and s.round == round and s.fallback == fallback then
  reconfigure()
elseif s.phase == ENDED and not has_times then
  new_sale()
elseif s.phase == IDLE then
  take_draw()
  reconfigure()
  tell()
else
  return refuse('schedule_fixed')
end
enter_phase()
return answer()
