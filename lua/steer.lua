-- Takes over what an edge wants of rate and sessions; `Command::Steer`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, edge, people per minute, sessions, why not more
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
end

local edge, rate, sessions, limit = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]

local function steer(name, value)
  changed = changed or s[name] ~= value
  s[name] = value
end

-- Another edge than the one that steers may lower what is in force, but not raise it.
local function lower()
  if rate < s.steer_rate or sessions < s.steer_active then
    steer('steer_limit', limit)
  end
  steer('steer_rate', math.min(s.steer_rate, rate))
  steer('steer_active', math.min(s.steer_active, sessions))
end

if s.mode ~= 'adaptive' then
  return answer()
elseif s.steer_until and s.now < s.steer_until and s.steer_edge ~= edge then
  lower()
else
  steer('steer_edge', edge)
  steer('steer_rate', rate)
  steer('steer_active', sessions)
  steer('steer_limit', limit)
  steer('steer_until', s.now + STEER_MS)
end
return answer()
