-- Takes in that numbers were given which the state does not know; `Command::Learn`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the first number that need not have been given, how many are left out from there on
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
end
local known = tonumber(ARGV[4])
if known > s.early + s.late then
  local upto = known + tonumber(ARGV[5])
  note_known(known)
  if s.root or (s.pool_is_closed == 1 and s.early_is_guess == 0) then
    put_numbers(s.early, upto - s.early, s.early_is_guess)
  elseif s.tiers then
    put_tiers(tallies('n', upto - s.early - s.late), s.late, 1)
  else
    put_numbers(upto - s.late, s.late, 1)
  end
  mend()
end
return answer()
