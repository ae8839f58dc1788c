-- Ends sessions before their time; `Command::Release`.
--
-- KEYS[1]  the room
-- ARGV     now, place ...
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
end
for i = 2, #ARGV do
  release(ARGV[i])
end
return answer()
