-- What every script but lua/restore.lua goes on with after lua/room.lua: a state that may have lost its end is told to
-- the caller before anything is done with it; otherwise time passes.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision
-- Returns  {'lost'} where the caller should put back what it knows (lua/restore.lua) and ask again: the room is not there,
--          is of another epoch or older than the caller knows, or was written by another run of the server

load_state()
local has_epoch = ARGV[2] ~= ''
if has_epoch and (s.epoch ~= ARGV[2] or s.revision < tonumber(ARGV[3])) then
  return { 'lost' }
elseif s.generation and s.server ~= server_id() then
  return { 'lost' }
elseif s.generation then
  pass_time()
end
