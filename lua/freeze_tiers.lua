-- Publishes the roots of all tiers' closed pools; `Command::FreezeTiers`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, a root over all of them, the root of the entries and the root of the tags of each tier (32
--          bytes each, one behind the other), then the number of entries of each tier
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
elseif not s.tiers then
  return refuse('no_tiers')
elseif s.pool_is_closed == 0 then
  return refuse('pool_is_open', integer(s.starts))
end
local count = #ARGV - 5
for tier = 0, math.min(count, s.tiers) - 1 do
  if tonumber(ARGV[6 + tier]) ~= s['n' .. tier] then
    return refuse('wrong_count', ARGV[6 + tier], integer(s['n' .. tier]))
  end
end
if count ~= s.tiers then
  return refuse('no_such_tier', integer(count))
elseif s.root and s.root ~= ARGV[4] then
  return refuse('another_root')
elseif missing_chunk(0, chunks_of_all()) then
  return finish({ 'lost', 'part' })
elseif not s.root then
  s.root, s.roots, s.frozen_at, s.frozen_missing, s.frozen_in = ARGV[4], ARGV[5], s.now, s.missing, s.epoch
  s.frozen_left = math.min(s.left_in_pool, s.missing)
  for tier = 0, s.tiers - 1 do
    s['f' .. tier] = s['m' .. tier]
  end
  tell()
end
return answer()
