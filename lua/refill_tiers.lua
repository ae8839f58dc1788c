-- Puts entries of a room with tiers back to their positions, where those are empty since a loss.
--
-- Of two entries of one identity the older one stays: the one with the lower index in a tier, and of two tiers the one that
-- comes back. The other one becomes empty. Where the roots are public nothing of the pools is put back but what is under
-- them, as in lua/refill.lua.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, whether the roots were made of all of the edge's entries (1 or 0), records of 57 bytes: u8
--          tier (15: the line), u64 index or place, entry, tag
-- Returns  {'ok', entries put back, 1 where the roots were made without some, or 0}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif not s.tiers then
  return refuse('no_tiers')
end

local EMPTY = string.rep('\0', 32)
local is_under_root = not s.root or ARGV[4] == '1'

local function read_records(bytes)
  local records = {}
  for at = 1, #bytes, 57 do
    local tier, number = struct.unpack('>BI8', bytes, at)
    local entry, tag = bytes:sub(at + 9, at + 40), bytes:sub(at + 41, at + 56)
    number = tier == LINE and number - s.early or number
    if (tier == LINE or tier < s.tiers) and number >= 0 and number < size_of(tier) then
      records[#records + 1] = { tier = tier, number = number, entry = entry, tag = tag }
    end
  end
  return records
end

local function write_at(list, number, row)
  local at = number % ENTRIES_A_CHUNK * #row
  redis.call('SETRANGE', sub(list .. ':' .. integer(math.floor(number / ENTRIES_A_CHUNK))), at, row)
end

local function write_position(tier, number, entry, tag)
  if tier ~= LINE then
    write_at('roster:' .. tier, number, entry)
  end
  if asks_identity then
    write_at(tags_of(tier), number, tag)
  end
end

local function is_empty(row, empty)
  return row == '' or row == empty
end

-- Has the identity found at the position that came back, and empties a newer one; answers whether it may come back.
local function settle(r)
  local other, number, row = find(r.tag)
  if not other then
    index(r.tag, r.tier, r.number)
  elseif r.tier == LINE then
    -- Who stands in the line and in the pool came to the line for a place that was lost: the line counts.
    index(r.tag, r.tier, r.number, row)
  elseif other == LINE then
    return true
  elseif s.root or (other == r.tier and number < r.number) then
    return false
  else
    write_position(other, number, EMPTY, NO_TAG)
    s['m' .. other], s.missing = s['m' .. other] + 1, s.missing + 1
    index(r.tag, r.tier, r.number, row)
  end
  return true
end

local function put_back(r)
  local is_free
  if r.tier == LINE then
    is_free = is_empty(tag_at(LINE, r.number), NO_TAG)
  else
    is_free = is_empty(entry_at(r.tier, r.number), EMPTY)
  end
  if not is_free or (asks_identity and not settle(r)) then
    return 0
  end
  write_position(r.tier, r.number, r.entry, r.tag)
  if r.tier ~= LINE then
    s['m' .. r.tier] = math.max(0, s['m' .. r.tier] - 1)
    s.missing = math.max(0, s.missing - 1)
  end
  changed = true
  return 1
end

local records, written, too_late = read_records(ARGV[5]), 0, 0
if asks_identity and #records > 0 then
  local tags = {}
  for i, r in ipairs(records) do
    tags[i] = r.tag
  end
  read_rows(tags)
end
for _, r in ipairs(records) do
  if r.tier ~= LINE and not is_under_root then
    too_late = 1
  elseif r.tier ~= LINE or asks_identity then
    written = written + put_back(r)
  end
end
if asks_identity then
  write_index()
end
if written > 0 and not s.root then
  s.mending = math.max(s.mending, s.now + RECOVERY_MS)
end
return finish({ 'ok', written, too_late })
