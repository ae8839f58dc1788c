-- After a loss: gaps behind numbers that may have been given, and the wait for others who know more.
-- crates/core/src/room/restore.rs.

-- Loss ----------------------------------------------------------------------------------------------------------------

-- Numbers below `upto` are known to have been given.
local function note_known(upto)
  -- One more, since 0 is none.
  s.left_from = math.max(s.left_from, upto + 1)
end

-- Goes on from these numbers of a room with tiers; answers whether they are others.
local function put_tiers(tiers, late, is_guess)
  local is_new, early = late ~= s.late or is_guess ~= s.early_is_guess, 0
  for tier = 0, s.tiers - 1 do
    is_new, early = is_new or tiers[tier] ~= s['n' .. tier], early + tiers[tier]
  end
  if is_new then
    s.missing = 0
    for tier = 0, s.tiers - 1 do
      s['m' .. tier] = math.max(0, s['m' .. tier] + tiers[tier] - s['n' .. tier])
      s['n' .. tier] = tiers[tier]
      s.missing = s.missing + s['m' .. tier]
    end
    s.early, s.late, s.early_is_guess = early, late, is_guess
    s.era = s.era + 1
    -- Work that was good before may have made an entry that is not remembered.
    s.forgotten = (math.floor(s.now / MINUTE_MS) + 2) * (MINUTE_MS / 1000)
  end
  return is_new
end

-- Goes on from these numbers; answers whether they are others. Then it is not known any more who came just now.
local function put_numbers(early, late, is_guess)
  if s.tiers then
    return put_tiers(tallies('n'), late, is_guess)
  end
  local is_new = early ~= s.early or late ~= s.late or is_guess ~= s.early_is_guess
  if is_new then
    s.missing = math.max(0, s.missing + early - s.early)
    s.early, s.late, s.early_is_guess = early, late, is_guess
    s.era = s.era + 1
  end
  return is_new
end

-- Leaves a gap: in the pool while it is open, behind the line once N stands.
local function leave_gap()
  note_known(s.early + s.late)
  if s.pool_is_closed == 1 then
    put_numbers(s.early, s.late + GAP, s.early_is_guess)
  elseif s.tiers then
    put_tiers(tallies('n', GAP), s.late, 1)
  else
    put_numbers(s.early + GAP, s.late, 1)
  end
end

local function enter_phase()
  local closed = s.now >= s.starts and 1 or 0
  if closed == 1 and s.pool_is_closed == 0 and s.gap_owed == 1 then
    -- Who has not been heard yet may have entries in the pool, which need numbers in it.
    s.gap_owed = 0
    leave_gap()
    changed = true
  end
  set('pool_is_closed', closed)
  set('phase', phase())
end

-- Whoever was called has the whole grace again, and the buckets begin empty: nobody knows how much of the burst was used.
local function begin_again()
  for _, place in ipairs(redis.call('ZRANGE', sub('asking_places'), 0, -1)) do
    if is_gone(place) then
      ask_no_more(place)
    else
      -- Their grace begins anew with the call's, which it must not end before.
      redis.call('ZADD', sub('asking'), integer(s.watch), place)
    end
  end
  s.calling = count_missing(s.lapsed, s.serving)
  s.outstanding = s.calling + redis.call('ZCOUNT', sub('asking_places'), '-inf', '(' .. integer(s.lapsed))
  redis.call('DEL', sub('calls'))
  if s.serving > s.lapsed then
    local call = integer(s.serving) .. ':' .. integer(s.watch) .. ':' .. integer(s.calling)
    redis.call('RPUSH', sub('calls'), call)
  end
  s.leak, s.cap, s.cap_extra = 0, 0, 0
end

-- After something was put back: waits for others who may know more, and lets the line begin again.
local function mend()
  s.mending = s.now + RECOVERY_MS
  begin_again()
  enter_phase()
  tell()
end

-- Once the room is right again: who has not been heard may have known more, so a gap is left for that; and what was left
-- out is passed over.
local function settle_gaps()
  if is_mending() then
    return
  end
  if s.gap_owed == 1 then
    s.gap_owed = 0
    leave_gap()
    begin_again()
    changed = true
  end
  if s.left_from > 0 then
    local from, upto = s.left_from - 1, s.early + s.late
    s.left_from = 0
    s.left_in_pool = s.left_in_pool + math.max(0, math.min(upto, s.early) - from)
    pass_over(math.max(from, s.early), upto)
    changed = true
  end
end

-- Sale ----------------------------------------------------------------------------------------------------------------

-- Takes away the keys of this sale.
local function forget_sale()
  if s.tiers then
    forget_tiers()
  end
  for chunk = 0, math.floor(s.early / ENTRIES_A_CHUNK) do
    redis.call('UNLINK', sub('roster:' .. integer(chunk)))
  end
  for chunk = 0, math.floor(s.listed / CLAIMS_A_CHUNK) do
    redis.call('UNLINK', sub('claims:' .. integer(chunk)))
  end
  for _, name in ipairs({ 'gone', 'passed', 'calls', 'asking', 'asking_places', 'leases', 'expiries', 'closed', 'closed_log', 'moved' }) do
    redis.call('UNLINK', sub(name))
  end
end
