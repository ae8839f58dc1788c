-- Where identities stand, in a room with tiers: for the scripts that enter fans and that put entries back.
--
-- Strings of rows: two bytes of what is looked up, and four of where it stands. In a room that asks for identities these
-- are the tags; in another one the entries of this minute and the one before. What stands there says whether it is the one.

local asks_identity = s.asks == 1
-- A script says itself where there is no room.
local has_room = s.generation ~= nil
local now_s = math.floor((s.now or 0) / 1000)
-- As in lua/enter.lua.
local BUCKETS = 8192
-- New entries and tags of each tier that stand side by side in one chunk and are not written yet, and new tags of the line.
local runs = {}

local function row_at(list, rows, run, number, bytes)
  if run and number >= run.first then
    return rows[number - run.first + 1]
  end
  local at = number % ENTRIES_A_CHUNK * bytes
  return redis.call('GETRANGE', sub(list .. ':' .. integer(math.floor(number / ENTRIES_A_CHUNK))), at, at + bytes - 1)
end

local function tag_at(tier, number)
  local run = runs[tier]
  return row_at(tags_of(tier), run and run.tags, run, number, 16)
end

local function entry_at(tier, number)
  local run = runs[tier]
  return row_at('roster:' .. tier, run and run.entries, run, number, 32)
end

local minute = math.floor(now_s * 1000 / MINUTE_MS)
local NOW = asks_identity and sub('who:') or has_room and recent('recent', minute)
local BEFORE = has_room and recent('recent', minute - 1)
-- Until the end of the next minute, and a second more for clocks that are told another time.
local KEPT_S = 121 - now_s % 60
local places, marks = {}, {}
local rows_now, rows_before, dirty = {}, {}, {}

-- Where something is looked up, and the mark that it has there. Tags are made with a key that nobody has; entries are not,
-- so the room's secret keeps nonces from being chosen that meet in one place.
local function spread(what)
  if asks_identity then
    local a, b, c = what:byte(1, 3)
    return (a * 65536 + b * 256 + c) % s.who, what:sub(4, 5)
  end
  local hash = redis.sha1hex(s.secret .. what)
  local mark = tonumber(hash:sub(5, 8), 16)
  return tonumber(hash:sub(1, 4), 16) % BUCKETS, string.char(math.floor(mark / 256), mark % 256)
end

-- Reads the rows of all that is looked up by one command, which is most of what they cost otherwise.
local function read_rows(wanted)
  local names, asked = {}, {}
  for _, what in ipairs(wanted) do
    local place
    place, marks[what] = spread(what)
    places[what] = place
    if not rows_now[place] then
      rows_now[place], rows_before[place] = '', ''
      names[#names + 1], asked[#asked + 1] = NOW .. place, place
    end
  end
  local count = #names
  for i = 1, asks_identity and 0 or count do
    names[count + i] = BEFORE .. asked[i]
  end
  local rows = redis.call('MGET', unpack(names))
  for i, place in ipairs(asked) do
    rows_now[place], rows_before[place] = rows[i] or '', rows[count + i] or ''
  end
end

-- Where something stands: tier, number, and where its row begins.
local function search(rows, what, found_at)
  local mark, at = marks[what], 0
  while true do
    at = rows:find(mark, at + 1, true)
    if not at then
      return nil
    elseif at % 6 == 1 then
      local a, b, c, d = rows:byte(at + 2, at + 5)
      local tier, number = math.floor(a / 16), a % 16 * 16777216 + b * 65536 + c * 256 + d
      if (tier == LINE or tier < s.tiers) and number < size_of(tier) and found_at(tier, number) == what then
        return tier, number, at
      end
    end
  end
end

local function find(tag)
  return search(rows_now[places[tag]], tag, tag_at)
end

local function row_of(what, tier, number)
  return marks[what] .. struct.pack('>I4', tier * 268435456 + number)
end

-- Has something found at a position; `at`: instead of where its row says now.
local function index(what, tier, number, at)
  local place = places[what]
  local rows = rows_now[place]
  dirty[place] = true
  if at then
    rows_now[place] = rows:sub(1, at - 1) .. row_of(what, tier, number) .. rows:sub(at + 6)
  else
    rows_now[place] = rows .. row_of(what, tier, number)
  end
end

-- Written whole, since Redis makes room for twice as much where something is appended.
local function write_index()
  local all = {}
  for place in pairs(dirty) do
    if asks_identity then
      all[#all + 1], all[#all + 2] = NOW .. place, rows_now[place]
    else
      redis.call('SET', NOW .. place, rows_now[place], 'EX', KEPT_S)
    end
  end
  if #all > 0 then
    redis.call('MSET', unpack(all))
  end
end

