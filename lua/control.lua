-- Changes what people may change while the room is live; `Command::Control`.
--
-- KEYS[1]  the room
-- ARGV     now, what: rate, burst, max_active, paused, sold_out, ends or message; then the value, or nothing for none
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
end
local name, value = ARGV[2], ARGV[3]
if name ~= 'message' then
  value = tonumber(value)
end
set(name, value)
enter_phase()
return answer()
