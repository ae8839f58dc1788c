-- Puts a part of the frozen roster back from an edge's copy of it.
--
-- The copy is of the same root, so whatever stands there already is the same, or is wrong.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the copy's root, index of the first entry, entries in one piece that lies in one key,
--          1 where they are the last ones, or 0
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif s.root ~= ARGV[4] then
  return refuse('another_root')
end
local index = tonumber(ARGV[5])
local name = sub('roster:' .. integer(math.floor(index / ENTRIES_A_CHUNK)))
redis.call('SETRANGE', name, index % ENTRIES_A_CHUNK * 32, ARGV[6])
if ARGV[7] == '1' then
  s.missing, s.intact = s.frozen_missing, s.early
  changed = true
end
return answer()
