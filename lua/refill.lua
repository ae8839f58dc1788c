-- Puts entries back to their indexes in the roster, where those are empty since a loss.
--
-- Where the root is public only for an edge that had all its entries in the roster then, since what was empty then has to
-- stay empty. Before that the room mends, so that no root is made of a roster that is being filled.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, whether the root was made of all of the edge's entries (1 or 0), index, entry ...
-- Returns  {'ok', entries put back, 1 where the root was made without them, or 0}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif s.root and ARGV[4] ~= '1' then
  return finish({ 'ok', 0, 1 })
end

local EMPTY = string.rep('\0', 32)
local written = 0
for i = 5, #ARGV, 2 do
  local index, entry = tonumber(ARGV[i]), ARGV[i + 1]
  local name = sub('roster:' .. integer(math.floor(index / ENTRIES_A_CHUNK)))
  local at = index % ENTRIES_A_CHUNK * 32
  local present = redis.call('GETRANGE', name, at, at + 31)
  if index < s.early and (present == '' or present == EMPTY) then
    redis.call('SETRANGE', name, at, entry)
    written = written + 1
  end
end
s.missing = math.max(0, s.missing - written)
changed = changed or written > 0
if written > 0 and not s.root then
  s.mending = math.max(s.mending, s.now + RECOVERY_MS)
end
return finish({ 'ok', written, 0 })
