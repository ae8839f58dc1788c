-- Takes over whether the shop has anything left; `Command::Stock`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, 1 if there is something left, or 0
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
end
set('out_of_stock', ARGV[4] == '1' and 0 or 1)
return answer()
