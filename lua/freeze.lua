-- Publishes the root of the closed pool; `Command::Freeze`.
--
-- KEYS[1]  the room
-- ARGV     now, entries, root
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif s.pool_is_closed == 0 then
  return refuse('pool_is_open', integer(s.starts))
elseif s.early ~= tonumber(ARGV[2]) then
  return refuse('wrong_count', ARGV[2], integer(s.early))
elseif s.root and s.root ~= ARGV[3] then
  return refuse('another_root')
elseif not s.root then
  s.root, s.frozen_at = ARGV[3], s.now
  tell()
end
return answer()
