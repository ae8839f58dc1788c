-- Appends entries in order of arrival; `Command::Enter`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the entries' bytes, 32 each
-- Returns  {'ok', N so far, number ...}: numbers below N are indexes of the pool, the others places of the line

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
elseif s.phase == IDLE then
  return refuse('not_open', integer(s.opens))
elseif s.phase == ENDED then
  return refuse('ended')
end

-- So many that a hash of a busy minute stays small, which Redis keeps as compactly as a list.
local SHARDS = 16384
local minute = math.floor(s.now / 60000)
-- Until the end of the next minute, and a second more for clocks that are told another time.
local KEPT_S = 121 - math.floor(s.now / 1000) % 60
local is_early = s.phase == POOLING

local function shard(entry, at)
  local n = (entry:byte(1) * 256 + entry:byte(2)) % SHARDS
  return sub('recent:' .. integer(s.era) .. ':' .. integer(at) .. ':' .. integer(n))
end

local function find(entry)
  local digest = entry:sub(1, 16)
  return redis.call('HGET', shard(entry, minute), digest) or redis.call('HGET', shard(entry, minute - 1), digest)
end

local function remember(entry, number)
  local name = shard(entry, minute)
  redis.call('HSET', name, entry:sub(1, 16), integer(number))
  redis.call('EXPIRE', name, KEPT_S)
end

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

local function enter(entry)
  local known = find(entry)
  if known then
    return tonumber(known)
  end
  local number = s.early + s.late
  if is_early then
    run.entries[#run.entries + 1] = entry
    s.early = s.early + 1
    if s.early % ENTRIES_A_CHUNK == 0 then
      write_run()
    end
  else
    s.late = s.late + 1
  end
  remember(entry, number)
  changed = true
  return number
end

local reply = { 'ok', 0 }
for at = 1, #ARGV[4], 32 do
  reply[#reply + 1] = enter(ARGV[4]:sub(at, at + 31))
end
write_run()
reply[2] = s.early
return finish(reply)
