-- Fixes or (while idle) replaces the plan, or begins the next sale; `Command::Schedule`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, room, opens, starts, ends or '', secret,
--          rate, burst, max_active, grace, idle, max, witness, late, mode, target, floor,
--          commitment, descriptor, digest, a random name for the state, should it begin with this,
--          the beacon's round or '', after how many ms the draw goes on without it or '', version of the configuration
-- Returns  {'ok'}

local room, opens, starts, ends = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local round, fallback, version = tonumber(ARGV[24]), tonumber(ARGV[25]), tonumber(ARGV[26])

local function take_draw()
  s.opens, s.starts, s.round, s.fallback = opens, starts, round, fallback
  s.secret, s.commitment, s.descriptor, s.digest = ARGV[8], ARGV[20], ARGV[21], ARGV[22]
end

-- Answers whether the configuration has changed.
local function reconfigure()
  local rate_before, changed_before = s.rate, changed
  changed = false
  for i, name in ipairs(POLICY) do
    local value = TEXTS[name] and ARGV[8 + i] or tonumber(ARGV[8 + i])
    if s['configured_' .. name] ~= value then
      set('configured_' .. name, value)
      set(name, value)
    end
  end
  set('configured_version', version)
  if s.configured_ends ~= ends then
    set('configured_ends', ends)
    set('ends', ends)
    tell()
  end
  if s.rate ~= rate_before then
    end_ramp()
  end
  local is_new = changed
  changed = changed or changed_before
  return is_new
end

local function new_sale()
  local now = s.now or called_ms()
  local revision, generation = s.revision or 0, s.generation or 0
  if s.generation then
    -- None of the last sale's fans is waiting any more.
    forget_sale()
  end
  s = { now = now, revision = revision, generation = generation + 1, room = room, epoch = ARGV[23], server = server_id() }
  for _, name in ipairs(NUMBERS) do
    s[name] = 0
  end
  s.scheduled = now
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
elseif version < s.configured_version then
  return refuse('older_config', integer(version), integer(s.configured_version))
elseif has_times and s.round == round and s.fallback == fallback then
  s.settings = s.settings + (reconfigure() and 1 or 0)
elseif s.phase == ENDED and not has_times then
  new_sale()
elseif s.phase == IDLE then
  take_draw()
  reconfigure()
  s.settings, s.scheduled = s.settings + 1, s.now
  tell()
else
  return refuse('schedule_fixed')
end
enter_phase()
return answer()
