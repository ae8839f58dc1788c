-- What every script but lua/restore.lua goes on with after lua/room/: a state that may have lost its end is told to
-- the caller before anything is done with it; otherwise time passes.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision
-- Returns  {'lost'} where the caller should put back what it knows (lua/restore.lua) and ask again: the room is not there,
--          is of another epoch or older than the caller knows, or was written by another run of the server;
--          {'lost', 'part'} where a part of it is gone, which a server does that evicts keys

load_state()
local has_epoch = ARGV[2] ~= ''
if has_epoch and (s.epoch ~= ARGV[2] or s.revision < tonumber(ARGV[3])) then
  return { 'lost' }
elseif s.generation and s.server ~= server_id() then
  return { 'lost' }
elseif s.generation and lacks_part() then
  return { 'lost', 'part' }
elseif s.generation then
  if s.has_passed == 1 and not is_ours() then
    -- A script of another version lets people in without saying so here.
    redis.call('BITOP', 'OR', sub('passed'), sub('passed'), sub('gone'))
  end
  pass_time()
end
