-- Publishes the root of the closed pool; `Command::Freeze`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, entries, root
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
elseif s.tiers then
  return refuse('has_tiers')
elseif s.pool_is_closed == 0 then
  return refuse('pool_is_open', integer(s.starts))
elseif s.early ~= tonumber(ARGV[4]) then
  return refuse('wrong_count', ARGV[4], integer(s.early))
elseif s.root and s.root ~= ARGV[5] then
  return refuse('another_root')
elseif missing_chunk(0, math.ceil(s.early / ENTRIES_A_CHUNK)) then
  return finish({ 'lost', 'part' })
elseif not s.root then
  s.root, s.frozen_at, s.frozen_missing, s.frozen_in = ARGV[5], s.now, s.missing, s.epoch
  s.frozen_left = math.min(s.left_in_pool, s.missing)
  tell()
end
return answer()
