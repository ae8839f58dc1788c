-- Which phase the room is in at a moment, and how fast it lets people in then. crates/core/src/room/pace.rs.

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
