-- Ends sessions before their time; `Command::Release`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, place ...
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
end
for i = 4, #ARGV do
  release(ARGV[i])
end
return answer()
