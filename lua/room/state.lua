-- What every script of a room begins with: the state, how it is read and written, and the time of the call.
--
-- The transitions are those of crates/core/src/room, function for function; one conformance suite drives both. Redis
-- gets one script for each command: the numbers of both forms, this file, the others of this folder, lua/begin.lua, and
-- the command's own file (crates/store/src/redis/script.rs).
--
-- KEYS[1]  fairgate:{<room>}, a hash with everything that is not counted in fans; all other keys of the room begin with
--          it and the sale's generation, and are in the same slot because of the braces:
--            :<generation>:roster:<n>          16,000 entries of 32 bytes each, the pool in order
--            :<generation>:claims:<n>          10,000 lines of 72 bytes each (57 in a room with tiers), the list of claims in
--                          order of admission
--            :<generation>:gone                a bit for each place admitted or given up
--            :<generation>:passed              where numbers were left out after a loss: the same bits, and one for each
--                          place that nobody is known to have
--            :<generation>:calls               list of <end>:<watch>:<called>, the calls within their grace
--            :<generation>:asking              sorted set, places that had to wait, by the watch when they asked last
--            :<generation>:asking_places       the same places, by place
--            :<generation>:leases              hash, place -> <admitted>:<hard end>
--            :<generation>:expiries            sorted set, places inside, by when their lease ends
--            :<generation>:closed              sorted set, places of sessions that ended early, by when their pass would have ended
--            :<generation>:closed_log          sorted set, <place>:<until>, by the order in which they were closed
--            :<generation>:recent:<era>:<minute>:<n>  rows of 4 bytes, the pool's entries of a minute, by lua/enter.lua;
--                          expires by itself
--            :<generation>:recent_line:<era>:<minute>:<n>  hash, 16 bytes of a later entry -> its place; likewise
--            :<generation>:moved               hash, positions that moved to another key, by lua/room/keys.lua
--            In a room with tiers there are instead of the roster, and besides:
--            :<generation>:roster:<t>:<n>      16,000 entries of 32 bytes each, the pool of tier t in order
--            :<generation>:tags:<t>:<n>        16,000 tags of 16 bytes each, those of the same entries
--            :<generation>:tags:line:<n>       16,000 tags of 16 bytes each, of late comers by their number
--            :<generation>:who:<b>             rows of 6 bytes, where tags stand, by lua/arrive.lua
--            :<generation>:given_up            a bit for each place that was given up before it was claimed
--            :<generation>:codes:<campaign>    4 bits for each code, how often it was used
--            :<generation>:several             hash, a late comer's number -> 16 bytes of the entry, for codes with several uses
--            :<generation>:joins:<network>     when the network's credit for joins will be whole again; expires then
--          On the channel KEYS[1]:changes the revision is published when phase, plan, draw or controls change.
-- ARGV[1]  the time, Unix ms; '<' and a time for the server's clock, but no later than that, however it was set; '' for the
--          server's clock
-- ARGV[2]  the epoch that the caller knows, or ''; a state that was lost and put back has another one
-- ARGV[3]  the revision that the caller knows at least
-- Returns  whatever `answer` or `refuse` made. A refusal is {'refused', code, detail ...}; crates/store/src/redis/refusal.rs
--          knows the codes.

-- Numbers that Rust knows, too (PERSON, GAP, DUE_MAX, ...), are written in front of this file from their one definition.

local IDLE, POOLING, DRAWING, SERVING, ENDED = 0, 1, 2, 3, 4
local POLICY = {
  'rate', 'burst', 'max_active', 'grace', 'idle', 'max', 'witness', 'late_policy', 'mode', 'target', 'floor',
}
local TEXTS = {
  room = true, message = true, secret = true, commitment = true, descriptor = true, digest = true, root = true,
  seed = true, signature = true, beacon = true, epoch = true, late_policy = true, mode = true,
  roots = true, rules = true, campaigns = true, configured_late_policy = true, configured_mode = true, steer_limit = true, server = true, frozen_in = true, edge = true,
}

-- What fixes a draw.
local DRAW = {
  'opens', 'starts', 'round', 'fallback', 'secret', 'commitment', 'descriptor', 'digest', 'tiers', 'asks', 'who', 'rules',
}

-- What a sale counts from 0.
local NUMBERS = {
  'paused', 'draining', 'sold_out', 'out_of_stock', 'early', 'late', 'serving', 'lapsed', 'calling', 'outstanding',
  'watch', 'leak', 'cap', 'cap_extra', 'let_in', 'to_let_in', 'lapsed_calls', 'lapsed_no_shows', 'admitted', 'expired',
  'honoured', 'left', 'listed', 'closed_count', 'settings', 'missing', 'intact', 'mending', 'early_is_guess', 'era',
  'gap_owed', 'left_from', 'left_in_pool', 'has_passed',
}

local key = KEYS[1]
local written = {}
local s = {}
local changed = false
-- Whether something changed that every edge should learn of at once; mere counts can wait for the next look.
local told = false

local function load_state()
  local raw = redis.call('HGETALL', key)
  for i = 1, #raw, 2 do
    local name, value = raw[i], raw[i + 1]
    written[name] = value
    s[name] = TEXTS[name] and value or tonumber(value)
  end
  if s.generation then
    -- A state of another version may lack some.
    for _, name in ipairs(NUMBERS) do
      s[name] = s[name] or 0
    end
  end
end

-- Names and values that stand among the arguments; names are those of the state.
local function named_arguments(from, upto)
  local named = {}
  for i = from, upto, 2 do
    local name, value = ARGV[i], ARGV[i + 1]
    named[name] = TEXTS[name] and value or tonumber(value)
  end
  return named
end

local function sub(name)
  return key .. ':' .. string.format('%.0f', s.generation) .. ':' .. name
end

local function integer(number)
  return string.format('%.0f', number)
end

-- Writes what is different; fields that became nil are taken away.
local function save_state()
  local set, gone = {}, {}
  for name, value in pairs(s) do
    local text = TEXTS[name] and value or integer(value)
    if written[name] ~= text then
      set[#set + 1] = name
      set[#set + 1] = text
    end
  end
  for name in pairs(written) do
    if s[name] == nil then
      gone[#gone + 1] = name
    end
  end
  if #set > 0 then
    redis.call('HSET', key, unpack(set))
  end
  if #gone > 0 then
    redis.call('HDEL', key, unpack(gone))
  end
end

local function tell()
  changed, told = true, true
end

local function set(name, value)
  if s[name] ~= value then
    s[name] = value
    tell()
  end
end

-- Keys that have no end of their own. A server that evicts keys takes one of them and leaves the others: how many there
-- are is kept, so that it is noticed.
local PARTS = {
  'gone', 'passed', 'calls', 'asking', 'asking_places', 'leases', 'expiries', 'closed', 'closed_log', 'given_up',
}

local function count_parts()
  local names = {}
  for i, name in ipairs(PARTS) do
    names[i] = sub(name)
  end
  return redis.call('EXISTS', unpack(names))
end

-- In a room with tiers: how many chunks the pools of all tiers have.
local function chunks_of_all()
  local chunks = 0
  for tier = 0, s.tiers - 1 do
    chunks = chunks + math.ceil(s['n' .. tier] / ENTRIES_A_CHUNK)
  end
  return chunks
end

-- Which chunk of which tier one of all these is.
local function tier_chunk(number)
  for tier = 0, s.tiers - 1 do
    local chunks = math.ceil(s['n' .. tier] / ENTRIES_A_CHUNK)
    if number < chunks then
      return tier, number
    end
    number = number - chunks
  end
end

local function lacks_tier_chunk(number)
  local tier, chunk = tier_chunk(number)
  local name = tier .. ':' .. integer(chunk)
  -- Where entries are missing there may be chunks of which nothing was written.
  local must_be = s['m' .. tier] == 0 or s.intact >= s.early
  local there = must_be and redis.call('EXISTS', sub('roster:' .. name), sub('tags:' .. name))
  return must_be and there < (s.asks == 1 and 2 or 1)
end

-- The first chunk from .. upto - 1 of the roster that is gone, of those that must be there, or nil.
local function missing_chunk(from, upto)
  if s.tiers then
    for number = from, math.min(upto, chunks_of_all()) - 1 do
      if lacks_tier_chunk(number) then
        return number
      end
    end
    return nil
  end
  -- Behind what is intact there may be chunks of which nothing was written.
  local whole = math.ceil((s.missing > 0 and s.intact or s.early) / ENTRIES_A_CHUNK)
  upto = math.min(upto, whole)
  local names = {}
  for chunk = from, upto - 1 do
    names[#names + 1] = sub('roster:' .. integer(chunk))
  end
  if #names == 0 or redis.call('EXISTS', unpack(names)) == #names then
    return nil
  end
  for i, name in ipairs(names) do
    if redis.call('EXISTS', name) == 0 then
      return from + i - 1
    end
  end
end

-- Whether the last script was one of this version: while a fleet is upgraded others know nothing of parts.
local function is_ours()
  return s.parts_now == s.now and s.parts_revision == s.revision
end

-- Whether a part of the room is gone that was there when the last script ended.
local function lacks_part()
  return is_ours() and s.parts ~= count_parts()
end

local function finish(reply)
  if changed then
    s.revision = s.revision + 1
  end
  s.parts, s.parts_now, s.parts_revision = count_parts(), s.now, s.revision
  save_state()
  if told then
    redis.call('PUBLISH', key .. ':changes', integer(s.revision))
  end
  return reply
end

local function answer(...)
  return finish({ 'ok', ... })
end

local function refuse(...)
  return finish({ 'refused', ... })
end

local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- The time that this call goes by.
local function called_ms()
  local latest = ARGV[1]:match('^<(%d+)$')
  if latest then
    return math.min(server_ms(), tonumber(latest))
  end
  return ARGV[1] ~= '' and tonumber(ARGV[1]) or server_ms()
end

-- The run of the server: another one may lack the end of what this one had.
local function server_id()
  return redis.call('INFO', 'server'):match('run_id:(%x+)')
end
