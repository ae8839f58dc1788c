-- Takes in that indexes of a tier were given which the state does not know; `Command::LearnTier`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the tier, the first index that need not have been given, how many are left out from there on
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif not s.tiers then
  return refuse('no_tiers')
end
local tier, known = tonumber(ARGV[4]), tonumber(ARGV[5])
if tier >= s.tiers then
  return refuse('no_such_tier', integer(tier))
end
local stands = s.root or (s.pool_is_closed == 1 and s.early_is_guess == 0)
local tiers = tallies('n')
if known > tiers[tier] and not stands then
  note_known(s.early + s.late + known - tiers[tier])
  tiers[tier] = known + tonumber(ARGV[6])
  put_tiers(tiers, s.late, 1)
  mend()
end
return answer()
