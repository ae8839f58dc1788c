-- Changes what people may change while the room is live; `Command::Control` and `Command::ControlFrom`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the revision of the controls that the caller knows ('' for whichever it is), then name and value
--          of each change: rate, burst, max_active, paused, draining, sold_out, mode, target,
--          ends ('' for none), message or no_message; ramp has <from>:<to>:<over>; let_in has how many in all
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
end

if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= s.settings then
  return refuse('overtaken', integer(s.settings))
end

local function begin_ramp(value)
  local from, to, over = value:match('^(%d+):(%d+):(%d+)$')
  from, to, over = tonumber(from), tonumber(to), tonumber(over)
  s.rate = to
  local is_known = s.ramp_at and s.ramp_from == from and s.ramp_to == to and s.ramp_over == over
  if not is_known or s.now - s.ramp_at >= s.ramp_over then
    s.ramp_from, s.ramp_to, s.ramp_over, s.ramp_at = from, to, over, s.now
    tell()
  end
end

local function let_in(in_all)
  local more = math.max(0, in_all - s.let_in)
  s.let_in, s.to_let_in = s.let_in + more, s.to_let_in + more
  changed = changed or more > 0
end

local changed_before = changed
changed = false
for i = 5, #ARGV, 2 do
  local name, value = ARGV[i], ARGV[i + 1]
  if name == 'ramp' then
    begin_ramp(value)
  elseif name == 'let_in' then
    let_in(tonumber(value))
  elseif name == 'no_message' then
    set('message', nil)
  else
    set(name, TEXTS[name] and value or tonumber(value))
  end
  if name == 'rate' then
    end_ramp()
  end
end
s.settings = s.settings + (changed and 1 or 0)
changed = changed or changed_before
enter_phase()
return answer()
