-- Takes fans in order of arrival, in a room with tiers; `Command::Arrive`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, arrivals one behind the other: u8 tier, u8 how many entries (128 more where their code has
--          several uses), entries of 32 bytes with their tags of 16, u8 how many other tags, those of 16 bytes, u32 until
--          when the work counts (seconds, or 0), u8 the length of the code's campaign (0: no code), the campaign, u32 rank and
--          u8 uses of the code, u8 whether a position is replaced, and then its u8 tier (15: the line), u64 number and u64
--          place. Numbers are big-endian. Then networks, as lua/room/joins.lua has them
-- Returns  {'ok', N so far, outcome ...}, an outcome being one of
--          an index (the first entry is new in its tier), {'new', which, index}, {'line', which, place},
--          {'again', tier, number, which tag, entry} (tier 15: the line, the number is a place; tags count through the
--          entries and on through the others), 'used', 'late', {'over', ms} (a network has had its share)

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
elseif not s.tiers then
  return refuse('no_tiers')
elseif s.phase == IDLE then
  return refuse('not_open', integer(s.opens))
elseif s.phase == ENDED then
  return refuse('ended')
end

local is_early = s.phase == POOLING

-- Arrivals ------------------------------------------------------------------------------------------------------------

-- Reads all arrivals; refuses the first that does not fit the room.
local function read_arrivals(bytes)
  local arrivals, at = {}, 1
  while at <= #bytes do
    local a = { entries = {}, tags = {}, others = {} }
    local count
    a.tier, count = bytes:byte(at, at + 1)
    at = at + 2
    a.several, count = count >= 128, count % 128
    for i = 1, count do
      a.entries[i], a.tags[i] = bytes:sub(at, at + 31), bytes:sub(at + 32, at + 47)
      at = at + 48
    end
    for i = 1, bytes:byte(at) do
      a.others[i] = bytes:sub(at + 16 * i - 15, at + 16 * i)
    end
    at = at + 1 + 16 * #a.others
    local length
    a.expires, length, at = struct.unpack('>I4B', bytes, at)
    if length > 0 then
      a.campaign = bytes:sub(at, at + length - 1)
      a.rank, a.uses, at = struct.unpack('>I4B', bytes, at + length)
    end
    local has_lost
    has_lost, at = bytes:byte(at) == 1, at + 1
    if has_lost then
      a.lost = {}
      a.lost.tier, a.lost.number, a.lost.place, at = struct.unpack('>BI8I8', bytes, at)
    end
    arrivals[#arrivals + 1] = a
  end
  return arrivals
end

local function are_tagged(tags)
  for _, tag in ipairs(tags) do
    if (tag ~= NO_TAG) ~= asks_identity then
      return false
    end
  end
  return true
end

-- What is wrong with an arrival in this room, and the details.
local function fault(a)
  if a.tier >= s.tiers then
    return 'no_such_tier', integer(a.tier)
  elseif not are_tagged(a.tags) or not are_tagged(a.others) then
    return 'wrong_tags'
  elseif not asks_identity and (a.several or #a.others > 0 or a.lost) then
    return 'wrong_tags'
  end
end

local arrivals = read_arrivals(ARGV[4])
for _, a in ipairs(arrivals) do
  local code, detail = fault(a)
  if code then
    return refuse(code, detail)
  end
end
if #arrivals == 0 then
  return answer(s.early)
end

-- Whether the last chunk of a tier is gone, of those that are written to now.
local function lacks_last_chunk()
  local seen = {}
  for _, a in ipairs(arrivals) do
    local size = s['n' .. a.tier]
    if is_early and not seen[a.tier] and size % ENTRIES_A_CHUNK > 0 and s['m' .. a.tier] == 0 then
      seen[a.tier] = true
      local last = a.tier .. ':' .. integer(math.floor(size / ENTRIES_A_CHUNK))
      if redis.call('EXISTS', sub('roster:' .. last)) == 0 then
        return true
      end
    end
  end
  return false
end

if lacks_last_chunk() then
  -- What is written now would hide that.
  return finish({ 'lost', 'part' })
end

-- Lists ---------------------------------------------------------------------------------------------------------------

local function run_of(tier)
  local run = runs[tier]
  if not run then
    run = { first = size_of(tier), entries = {}, tags = {} }
    runs[tier] = run
  end
  return run
end

local function write_rows(list, first, rows, bytes)
  local chunk, at = math.floor(first / ENTRIES_A_CHUNK), first % ENTRIES_A_CHUNK
  local name = sub(list .. ':' .. integer(chunk))
  if chunk > 0 and at == 0 then
    -- One allocation of the right size, instead of doubling to a larger one.
    redis.call('SETRANGE', name, ENTRIES_A_CHUNK * bytes - 1, '\0')
  end
  redis.call('SETRANGE', name, at * bytes, table.concat(rows))
end

local function write_run(tier)
  local run = runs[tier]
  if run and #run.tags > 0 then
    if tier ~= LINE then
      write_rows('roster:' .. tier, run.first, run.entries, 32)
    end
    if asks_identity then
      write_rows(tags_of(tier), run.first, run.tags, 16)
    end
  end
  runs[tier] = nil
end

-- Appends an entry to a tier, or to the line; answers its number there.
local function append(tier, entry, tag)
  local run = run_of(tier)
  run.entries[#run.entries + 1], run.tags[#run.tags + 1] = entry, tag
  local number = size_of(tier)
  if tier == LINE then
    s.late = s.late + 1
  else
    s['n' .. tier], s.early = number + 1, s.early + 1
  end
  changed = true
  if (number + 1) % ENTRIES_A_CHUNK == 0 then
    write_run(tier)
  end
  return number
end

-- Nothing else remembers who came late to a room that asks for no identity, so 16 bytes of the entry are kept.
local LATE_NOW, LATE_BEFORE = recent('recent_line', minute), recent('recent_line', minute - 1)

local function find_entry(entry)
  local place = places[entry]
  local late = entry:sub(1, 16)
  local number = redis.call('HGET', LATE_NOW .. place, late) or redis.call('HGET', LATE_BEFORE .. place, late)
  if number then
    return LINE, tonumber(number)
  end
  local tier, found = search(rows_now[place], entry, entry_at)
  if not tier then
    tier, found = search(rows_before[place], entry, entry_at)
  end
  return tier, found
end

-- Decision ------------------------------------------------------------------------------------------------------------

local function again(tier, number, which)
  if tier == LINE then
    return { 'again', LINE, asks_identity and s.early + number or number, which - 1, '' }
  end
  return { 'again', tier, number, which - 1, entry_at(tier, number) }
end

-- Makes an entry new, in its tier or in the line.
local function enter(a, which, is_pool, row)
  local tier = is_pool and a.tier or LINE
  local entry, tag = a.entries[which], a.tags[which]
  local number = append(tier, entry, tag)
  if asks_identity then
    index(tag, tier, number, row)
    if a.several and tier == LINE then
      redis.call('HSET', sub('several'), integer(number), entry:sub(1, 16))
    end
  elseif is_pool then
    index(entry, tier, number)
  else
    local name = LATE_NOW .. places[entry]
    redis.call('HSET', name, entry:sub(1, 16), integer(s.early + number))
    redis.call('EXPIRE', name, KEPT_S)
  end
  if not is_pool then
    return { 'line', which - 1, s.early + number }
  elseif which == 1 then
    return number
  end
  return { 'new', which - 1, number }
end

-- Whether a place was given up or has lapsed, and was claimed by nobody.
local function is_lost(lost)
  if lost.tier == LINE and lost.number ~= lost.place then
    return false
  elseif lost.tier ~= LINE and (lost.place >= s.early or not s.seed) then
    return false
  end
  local place = integer(lost.place)
  if lost.place >= line_size() then
    return false
  end
  -- Where late comers are honoured, who has lapsed can still claim.
  local may_lapse = s.late_policy ~= 'honour'
  return redis.call('GETBIT', sub('given_up'), place) == 1 or (may_lapse and not is_gone(place) and has_expired(place))
end

-- An identity that has a position: that one, unless its place was lost and is to be replaced.
local function known(a, tier, number, which, row)
  local lost = a.lost
  local named = tier == LINE and s.early + number or number
  if not lost or lost.tier ~= tier or lost.number ~= named or not is_lost(lost) then
    return again(tier, number, which)
  end
  set_gone(integer(lost.place))
  redis.call('SETBIT', sub('given_up'), integer(lost.place), 0)
  return enter(a, which, false, row)
end

-- Whether an entry stands at a position, of a code with several uses.
local function is_entry(tier, number, entry)
  if tier == LINE then
    return redis.call('HGET', sub('several'), integer(number)) == entry:sub(1, 16)
  end
  return entry_at(tier, number) == entry
end

-- Takes one use of a code; answers whether there was one.
local function use_code(a)
  local name, rank = sub('codes:' .. a.campaign), '#' .. integer(a.rank)
  if redis.call('BITFIELD', name, 'GET', 'u4', rank)[1] >= a.uses then
    return false
  end
  redis.call('BITFIELD', name, 'INCRBY', 'u4', rank, 1)
  note_campaign(a.campaign)
  return true
end

-- The number of the entry that is new, or an outcome.
local function which_of(a)
  local free
  for which, tag in ipairs(a.tags) do
    local tier, number, row = find(tag)
    if tier and (not a.several or is_entry(tier, number, a.entries[which])) then
      return nil, known(a, tier, number, which, row)
    elseif not tier then
      free = free or which
    end
  end
  for i, tag in ipairs(a.others) do
    local tier, number = find(tag)
    if tier then
      return nil, again(tier, number, #a.tags + i)
    end
  end
  return free, 'used'
end

local function arrive(a)
  local is_late = a.expires > 0 and now_s >= a.expires
  local which = 1
  if asks_identity then
    local outcome
    which, outcome = which_of(a)
    if not which then
      return outcome
    end
  elseif is_late or (a.expires > 0 and a.expires <= s.forgotten) then
    return 'late'
  else
    local tier, number = find_entry(a.entries[1])
    if tier then
      return again(tier, number, 1)
    end
  end
  if is_late then
    return 'late'
  elseif a.campaign and not use_code(a) then
    return 'used'
  end
  return enter(a, which, is_early)
end

local wanted = {}
for _, a in ipairs(arrivals) do
  for _, what in ipairs(asks_identity and a.tags or a.entries) do
    wanted[#wanted + 1] = what
  end
  for _, tag in ipairs(a.others) do
    wanted[#wanted + 1] = tag
  end
end
read_rows(wanted)
local over = count_networks()
local reply = { 'ok', 0 }
for i, a in ipairs(arrivals) do
  reply[i + 2] = over[i] and { 'over', over[i] } or arrive(a)
end
for tier = 0, LINE do
  write_run(tier)
end
write_index()
reply[2] = s.early
return finish(reply)
