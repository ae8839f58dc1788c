-- Appends entries in order of arrival; `Command::Enter`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the entries' bytes, 32 each; then, for each network whose joins are counted, the number of
--          its entry (from 1), the network's name, what a join costs and how much may be owed, both in microseconds
-- Returns  {'ok', N so far, number ...}: numbers below N are indexes of the pool, the others places of the line; one from
--          OVER on means that a network has had its share, and for how many ms

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
elseif s.tiers then
  return refuse('has_tiers')
elseif s.phase == IDLE then
  return refuse('not_open', integer(s.opens))
elseif s.phase == ENDED then
  return refuse('ended')
elseif ARGV[4] == '' then
  return answer(s.early)
end

local filled = math.floor(s.early / ENTRIES_A_CHUNK)
if missing_chunk(filled, filled + 1) then
  -- What is written now would hide that.
  return finish({ 'lost', 'part' })
end

-- So many that they cost little where few join, and hold some hundred rows each in a rush.
local BUCKETS = 8192
-- As many indexes as the three bytes of a row can tell apart; no minute brings more.
local INDEXES = 16777216
local minute = math.floor(s.now / MINUTE_MS)
-- Until the end of the next minute, and a second more for clocks that are told another time.
local KEPT_S = 121 - math.floor(s.now / 1000) % 60
local is_early = s.phase == POOLING

-- Where an entry belongs, and the byte that marks it there. Nobody outside knows the secret while the pool is open, so
-- nobody can choose nonces that meet in one place and make each search long.
local function spread(entry)
  local hash = redis.sha1hex(s.secret .. entry)
  return tonumber(hash:sub(1, 4), 16) % BUCKETS, string.char(tonumber(hash:sub(5, 6), 16))
end

local function recent(kind, at)
  return sub(kind .. ':' .. integer(s.era) .. ':' .. integer(at) .. ':')
end

-- Pool ----------------------------------------------------------------------------------------------------------------

-- New entries of the pool that stand side by side in one chunk of the roster.
local run = { first = s.early, entries = {} }

local function write_run()
  if #run.entries > 0 then
    local chunk, at = math.floor(run.first / ENTRIES_A_CHUNK), run.first % ENTRIES_A_CHUNK
    local name = sub('roster:' .. integer(chunk))
    if chunk > 0 and at == 0 then
      -- One allocation of the right size, instead of doubling to a larger one.
      redis.call('SETRANGE', name, ENTRIES_A_CHUNK * 32 - 1, '\0')
    end
    redis.call('SETRANGE', name, at * 32, table.concat(run.entries))
    run = { first = s.early, entries = {} }
  end
end

local function entry_at(index)
  if index >= run.first then
    return run.entries[index - run.first + 1]
  end
  local at = index % ENTRIES_A_CHUNK * 32
  return redis.call('GETRANGE', sub('roster:' .. integer(math.floor(index / ENTRIES_A_CHUNK))), at, at + 31)
end

-- A row is the entry's mark and three bytes of its index; the roster has the entry, and says whether it is the one.
local function search(rows, mark, entry)
  local at = 0
  while true do
    at = rows:find(mark, at + 1, true)
    if not at then
      return nil
    elseif at % 4 == 1 then
      local high, middle, low = rows:byte(at + 1, at + 3)
      local index = s.early - 1 - (s.early - 1 - (high * 65536 + middle * 256 + low)) % INDEXES
      if index >= 0 and entry_at(index) == entry then
        return index
      end
    end
  end
end

local NOW, BEFORE = recent('recent', minute), recent('recent', minute - 1)
-- The rows of this minute and the one before, by bucket.
local rows_now, rows_before = {}, {}

-- Reads the rows of many entries by one command, which is most of what they cost otherwise.
local function read_rows(buckets)
  local names = {}
  for _, bucket in ipairs(buckets) do
    names[#names + 1] = NOW .. bucket
    names[#names + 1] = BEFORE .. bucket
  end
  local rows = redis.call('MGET', unpack(names))
  for i, bucket in ipairs(buckets) do
    rows_now[bucket], rows_before[bucket] = rows[2 * i - 1] or '', rows[2 * i] or ''
  end
end

local function find_early(entry, bucket, mark)
  return search(rows_now[bucket], mark, entry) or search(rows_before[bucket], mark, entry)
end

local function enter_pool(entry, bucket, mark)
  local known = find_early(entry, bucket, mark)
  if known then
    return known
  end
  local index, rows = s.early, rows_now[bucket]
  run.entries[#run.entries + 1] = entry
  s.early = s.early + 1
  if s.early % ENTRIES_A_CHUNK == 0 then
    write_run()
  end
  rows_now[bucket] = rows .. mark .. struct.pack('>I3', index % INDEXES)
  -- Written whole, since Redis makes room for twice as much where something is appended.
  if rows == '' then
    redis.call('SET', NOW .. bucket, rows_now[bucket], 'EX', KEPT_S)
  else
    redis.call('SET', NOW .. bucket, rows_now[bucket], 'KEEPTTL')
  end
  changed = true
  return index
end

-- Line ----------------------------------------------------------------------------------------------------------------

-- Nothing else remembers who came late, so 16 bytes of the entry are kept.
local LATE_NOW, LATE_BEFORE = recent('recent_line', minute), recent('recent_line', minute - 1)

local function find_late(entry, bucket)
  local digest = entry:sub(1, 16)
  return redis.call('HGET', LATE_NOW .. bucket, digest) or redis.call('HGET', LATE_BEFORE .. bucket, digest)
end

local function enter_line(entry, bucket, mark)
  local known = find_late(entry, bucket) or find_early(entry, bucket, mark)
  if known then
    return tonumber(known)
  end
  local number, name = s.early + s.late, LATE_NOW .. bucket
  s.late = s.late + 1
  redis.call('HSET', name, entry:sub(1, 16), integer(number))
  redis.call('EXPIRE', name, KEPT_S)
  changed = true
  return number
end

local over = count_networks()
local entries, buckets, marks = {}, {}, {}
for at = 1, #ARGV[4], 32 do
  local entry = ARGV[4]:sub(at, at + 31)
  entries[#entries + 1] = entry
  buckets[#buckets + 1], marks[#marks + 1] = spread(entry)
end
read_rows(buckets)
local enter = is_early and enter_pool or enter_line
local reply = { 'ok', 0 }
for i, entry in ipairs(entries) do
  reply[#reply + 1] = over[i] and OVER + over[i] or enter(entry, buckets[i], marks[i])
end
write_run()
reply[2] = s.early
return finish(reply)
