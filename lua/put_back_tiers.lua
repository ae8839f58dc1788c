-- Puts a part of a tier's frozen roster back from an edge's copy of it, and has its identities found again.
--
-- The copies are of the same roots, so whatever stands there already is the same, or is wrong.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the root over the roots of all tiers, the tier, index of the first entry, entries in one piece
--          that lies in one key, their tags or '' where the room asks for no identity, 1 where they are the last ones of all
--          tiers, or 0
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif not s.tiers then
  return refuse('no_tiers')
elseif s.root ~= ARGV[4] then
  return refuse('another_root')
end
local tier, first, tags = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[8]
local chunk, at = ':' .. integer(math.floor(first / ENTRIES_A_CHUNK)), first % ENTRIES_A_CHUNK
redis.call('SETRANGE', sub('roster:' .. tier .. chunk), at * 32, ARGV[7])

local function index_again()
  redis.call('SETRANGE', sub(tags_of(tier) .. chunk), at * 16, tags)
  local wanted, numbers = {}, {}
  for i = 1, #tags, 16 do
    local tag = tags:sub(i, i + 15)
    if tag ~= NO_TAG then
      wanted[#wanted + 1], numbers[tag] = tag, first + (i - 1) / 16
    end
  end
  if #wanted == 0 then
    return
  end
  read_rows(wanted)
  for _, tag in ipairs(wanted) do
    local other, number, row = find(tag)
    -- Who stands in the line as well came to the line for a place that was lost: the line counts.
    if other ~= LINE and not (other == tier and number == numbers[tag]) then
      index(tag, tier, numbers[tag], row)
    end
  end
  write_index()
end

if asks_identity and tags ~= '' then
  index_again()
end
if ARGV[9] == '1' then
  for each = 0, s.tiers - 1 do
    s['m' .. each] = s['f' .. each]
  end
  s.missing, s.intact = s.frozen_missing, s.early
  changed = true
end
return answer()
