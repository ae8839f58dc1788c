-- Fixes or (while idle) replaces the plan, or begins the next sale; `Command::Schedule`.
--
-- KEYS[1]  the room
-- ARGV     now, room, opens, starts, ends or '', secret,
--          rate, burst, max_active, grace, idle, max, witness,
--          commitment, descriptor, digest, a random name for the state, should it begin with this,
--          the beacon's round or '', after how many ms the draw goes on without it or ''
-- Returns  {'ok'}

local room, opens, starts, ends = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local round, fallback = tonumber(ARGV[18]), tonumber(ARGV[19])

local function take_draw()
  s.opens, s.starts, s.round, s.fallback = opens, starts, round, fallback
  s.secret, s.commitment, s.descriptor, s.digest = ARGV[6], ARGV[14], ARGV[15], ARGV[16]
end

local function reconfigure()
  for i, name in ipairs(POLICY) do
    local value = tonumber(ARGV[6 + i])
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
end

-- The last sale's keys go with it; none of its fans is waiting any more.
local function forget_last_sale()
  for chunk = 0, math.floor(s.early / ENTRIES_A_CHUNK) do
    redis.call('UNLINK', sub('roster:' .. integer(chunk)))
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
  s = { now = now, revision = revision, generation = generation + 1, room = room, epoch = ARGV[17] }
  for _, name in ipairs({
    'paused', 'sold_out', 'early', 'late', 'serving', 'lapsed', 'outstanding', 'watch', 'no_shows', 'admitted',
    'expired', 'left', 'closed_count',
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
