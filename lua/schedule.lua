-- Fixes or (while idle) replaces the plan, or begins the next sale; `Command::Schedule`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, then name and value of each field of the plan, as the state names them: room, opens,
--          starts, secret, commitment, descriptor, digest; round and fallback where it waits for a beacon; tiers, asks, who
--          and rules where it has tiers (lua/room/tiers.lua);
--          configured_version, configured_ends where it has an end, configured_<name> for each name of POLICY;
--          epoch, a random name for the state, should it begin with this
-- Returns  {'ok'}

local plan = named_arguments(4, #ARGV)

local function take_draw()
  for _, name in ipairs(DRAW) do
    s[name] = plan[name]
  end
  begin_tiers()
end

-- Answers whether the configuration has changed.
local function reconfigure()
  local rate_before, changed_before = s.rate, changed
  changed = false
  for _, name in ipairs(POLICY) do
    local value = plan['configured_' .. name]
    if s['configured_' .. name] ~= value then
      set('configured_' .. name, value)
      set(name, value)
    end
  end
  set('configured_version', plan.configured_version)
  if s.configured_ends ~= plan.configured_ends then
    set('configured_ends', plan.configured_ends)
    set('ends', plan.configured_ends)
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
  local index = s.asks == 1 and s.who
  if s.generation then
    -- None of the last sale's fans is waiting any more.
    forget_sale()
  end
  s = { now = now, revision = revision, generation = generation + 1 }
  if index then
    s.forget_sale, s.forget_left = generation, index
  end
  s.room, s.epoch, s.server = plan.room, plan.epoch, server_id()
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
local has_times = s.opens == plan.opens and s.starts == plan.starts
local has_rules = s.round == plan.round and s.fallback == plan.fallback and s.rules == plan.rules
if s.room ~= plan.room then
  return refuse('another_room')
elseif plan.configured_version < s.configured_version then
  return refuse('older_config', integer(plan.configured_version), integer(s.configured_version))
elseif has_times and has_rules then
  s.settings = s.settings + (reconfigure() and 1 or 0)
elseif s.phase == ENDED and not has_times then
  new_sale()
elseif s.phase == IDLE then
  local had_tiers = s.tiers
  take_draw()
  if had_tiers or s.tiers then
    -- Nobody has come before the pool opens, so that a plan with other tiers begins with nobody.
    s.early, s.late, s.early_is_guess, s.missing, s.left_from, s.left_in_pool = 0, 0, 0, 0, 0, 0
    s.era = s.era + 1
  end
  reconfigure()
  s.settings = s.settings + 1
  tell()
else
  return refuse('schedule_fixed')
end
enter_phase()
return answer()
