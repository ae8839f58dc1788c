-- What a room has of tiers and identities, where it has any. crates/core/src/room/arrive.rs.
--
-- s.tiers is how many there are, s.n<t> and s.m<t> the entries of each and how many of those are missing, s.f<t> how many
-- were missing at the freeze. All of them are nil in a room without tiers.

local NO_TAG = string.rep('\0', 16)

-- The entries of a tier's pool, or those who came late.
local function size_of(tier)
  return tier == LINE and s.late or s['n' .. tier]
end

local function tags_of(tier)
  return 'tags:' .. (tier == LINE and 'line' or tier)
end

-- One number of each tier, and some more.
local function tallies(name, more)
  local numbers = {}
  for tier = 0, s.tiers - 1 do
    numbers[tier] = s[name .. tier] + (more or 0)
  end
  return numbers
end

local function recent(kind, at)
  return sub(kind .. ':' .. integer(s.era) .. ':' .. integer(at) .. ':')
end

-- Codes that are used are counted by campaign, each in a key of its own.
local function note_campaign(campaign)
  local known = s.campaigns or ''
  if not (',' .. known .. ','):find(',' .. campaign .. ',', 1, true) then
    s.campaigns = known == '' and campaign or known .. ',' .. campaign
  end
end

-- Takes away the keys that only a sale with tiers has.
local function forget_tiers()
  for tier = 0, s.tiers - 1 do
    for chunk = 0, math.floor(s['n' .. tier] / ENTRIES_A_CHUNK) do
      redis.call('UNLINK', sub('roster:' .. tier .. ':' .. integer(chunk)), sub('tags:' .. tier .. ':' .. integer(chunk)))
    end
  end
  for chunk = 0, math.floor(s.late / ENTRIES_A_CHUNK) do
    redis.call('UNLINK', sub('tags:line:' .. integer(chunk)))
  end
  for campaign in (s.campaigns or ''):gmatch('[^,]+') do
    redis.call('UNLINK', sub('codes:' .. campaign))
  end
  redis.call('UNLINK', sub('given_up'), sub('several'))
end

-- Begins the tiers of a draw: nobody has come. Numbers of another draw are gone.
local function begin_tiers()
  for tier = 0, LINE do
    local is_one = s.tiers and tier < s.tiers
    s['n' .. tier], s['m' .. tier], s['f' .. tier] = is_one and 0 or nil, is_one and 0 or nil, nil
  end
  if s.tiers then
    s.forgotten = 0
  end
end

-- The index of a sale that is over has very many keys, so it is taken away a part at a time.
local function forget_index()
  local from = s.forget_left
  if not from then
    return
  end
  local upto, names = math.max(0, from - INDEX_A_LOOK), {}
  for place = upto, from - 1 do
    names[#names + 1] = key .. ':' .. integer(s.forget_sale) .. ':who:' .. integer(place)
  end
  redis.call('UNLINK', unpack(names))
  s.forget_left = upto > 0 and upto or nil
  s.forget_sale = upto > 0 and s.forget_sale or nil
end

-- Takes it away at once, where the sale that takes its place has the same number.
local function forget_index_at_once()
  if s.asks == 1 then
    s.forget_sale, s.forget_left = s.generation, s.who
  end
  while s.forget_left do
    forget_index()
  end
end
