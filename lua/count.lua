-- Takes into the book of a draw what an edge tells, and answers the fleet's sums; `Store::count`. The model is
-- crates/entry/src/book.
--
-- KEYS[1]  what the names of the book's keys begin with
-- ARGV     edge, number of the telling (0: only asks), time until which the book is kept (ms), hour, columns, joins, light,
--          networks of 8 bytes with u16 entries, refusals of 32 bytes, positions (u8 what, u8 tier, u64 index), then rows of the
--          tally, each with what is to be added. Numbers in bytes are big-endian
-- Returns  {'ok', joins, light, used, columns, overrules, whether it was forgotten, sums ...}: three for each network, of the
--          draw, of the hour and of the hour before

local function name(part)
  return KEYS[1] .. ':' .. part
end

local edge, number, keep_until = ARGV[1], ARGV[2], ARGV[3]
local hour, joins, light = tonumber(ARGV[4]), ARGV[6], ARGV[7]
local networks, refusals, positions = ARGV[8], ARGV[9], ARGV[10]

local meta = redis.call('HMGET', name('meta'), 'columns', 'refusals', 'forgotten', 'hour0', 'hour1', 'used')
local is_forgotten = meta[3] == '1'
local is_new = number ~= '0' and redis.call('HGET', name('edges'), edge) ~= number
local columns = tonumber(meta[1] or 0)
local refused = tonumber(meta[2] or 0)
local hours = { [0] = tonumber(meta[4] or 0), [1] = tonumber(meta[5] or 0) }
local used = tonumber(meta[6] or 0)

-- Where a network's counters stand, one a row, and whether it is an address's network (crates/entry/src/heat).
local function places(at)
  local first, step = struct.unpack('>I4I4', networks, at)
  local is_address = step % 2 == 0
  if is_address then
    step = step + 1
  end
  local own = {}
  for row = 0, SKETCH_ROWS - 1 do
    local hash = (first + step * row) % 4294967296
    own[row + 1] = string.format('#%d', row * columns + math.floor(hash * columns / 4294967296))
  end
  return own, is_address
end

local function counters(sketch, own)
  local call = { 'BITFIELD', sketch }
  for _, place in ipairs(own) do
    call[#call + 1], call[#call + 2], call[#call + 3] = 'GET', 'u16', place
  end
  return redis.call(unpack(call))
end

local function count(sketch, own)
  return math.min(unpack(counters(sketch, own)))
end

-- Adds to a sketch; answers whether the first row's counter was zero.
local function add(sketch, own, entries)
  local before = counters(sketch, own)
  local after = math.min(65535, math.min(unpack(before)) + entries)
  local call = { 'BITFIELD', sketch }
  for row, place in ipairs(own) do
    if before[row] < after then
      call[#call + 1], call[#call + 2], call[#call + 3], call[#call + 4] = 'SET', 'u16', place, after
    end
  end
  if #call > 2 then
    redis.call(unpack(call))
  end
  return before[1] == 0 and after > 0
end

-- A sketch has its full length from the beginning, so it never grows.
local function begin(sketch)
  local bytes = 2 * SKETCH_ROWS * columns
  if redis.call('STRLEN', sketch) < bytes then
    redis.call('SETRANGE', sketch, bytes - 1, '\0')
  end
end

local function tell_networks()
  if #networks == 0 then
    return
  end
  begin(name('heat'))
  local slot = hour % 2
  local of_hour = name('hour:' .. slot)
  if hours[slot] < hour then
    hours[slot] = hour
    redis.call('UNLINK', of_hour)
    redis.call('HSET', name('meta'), 'hour' .. slot, hour)
  end
  begin(of_hour)
  for at = 1, #networks, 10 do
    local own, is_address = places(at)
    local entries = struct.unpack('>I2', networks, at + 8)
    if add(name('heat'), own, entries) and is_address then
      used = used + 1
    end
    if hours[slot] == hour then
      add(of_hour, own, entries)
    end
  end
end

local function tell_refusals()
  local at = 1
  while at <= #refusals do
    -- As many as fit before the ring's end.
    local place = refused % REFUSALS_MAX
    local rows = refusals:sub(at, at + (REFUSALS_MAX - place) * REFUSAL_BYTES - 1)
    redis.call('SETRANGE', name('refusals'), place * REFUSAL_BYTES, rows)
    at = at + #rows
    refused = refused + #rows / REFUSAL_BYTES
  end
end

-- Bits of positions; a position counts once.
local function tell_positions()
  local counted = { asked = 0, shown = 0, excused = 0 }
  for at = 1, #positions, 10 do
    local what, tier, index = struct.unpack('>BBI8', positions, at)
    if tier < TIERS_MAX and index < 268435456 then
      if redis.call('SETBIT', name('asked:' .. tier), index, 1) == 0 then
        counted.asked = counted.asked + 1
      end
      if what > 0 and redis.call('SETBIT', name('settled:' .. tier), index, 1) == 0 then
        local word = what == 2 and 'excused' or 'shown'
        counted[word] = counted[word] + 1
      end
    end
  end
  for word, more in pairs(counted) do
    if more > 0 then
      redis.call('HINCRBY', name('meta'), word, more)
    end
  end
end

local function tell_tally()
  local rows = redis.call('HLEN', name('tally'))
  for at = 11, #ARGV, 2 do
    local row, more = ARGV[at], ARGV[at + 1]
    if rows < TALLY_ROWS_MAX or redis.call('HEXISTS', name('tally'), row) == 1 then
      if redis.call('HINCRBY', name('tally'), row, more) == tonumber(more) then
        rows = rows + 1
      end
    end
  end
end

if is_new then
  if redis.call('HLEN', name('edges')) >= EDGES_MAX then
    redis.call('UNLINK', name('edges'))
  end
  redis.call('HSET', name('edges'), edge, number)
  redis.call('HSET', name('meta'), 'keep_until', keep_until)
  tell_tally()
  if not is_forgotten then
    if columns == 0 then
      columns = tonumber(ARGV[5])
      redis.call('HSET', name('meta'), 'columns', columns)
    end
    redis.call('HINCRBY', name('meta'), 'joins', joins)
    redis.call('HINCRBY', name('meta'), 'light', light)
    tell_networks()
    tell_refusals()
    tell_positions()
    redis.call('HSET', name('meta'), 'used', used, 'refusals', refused)
  end
  for _, part in ipairs({ 'meta', 'edges', 'heat', 'hour:0', 'hour:1', 'refusals', 'overrules', 'tally' }) do
    redis.call('PEXPIREAT', name(part), keep_until)
  end
  if #positions > 0 then
    for tier = 0, TIERS_MAX - 1 do
      redis.call('PEXPIREAT', name('asked:' .. tier), keep_until)
      redis.call('PEXPIREAT', name('settled:' .. tier), keep_until)
    end
  end
end

local totals = redis.call('HMGET', name('meta'), 'joins', 'light')
local overrules = redis.call('STRLEN', name('overrules')) / OVERRULE_BYTES
local reply = {
  'ok', tonumber(totals[1] or 0), tonumber(totals[2] or 0), used, columns, overrules, is_forgotten and 1 or 0,
}
for at = 1, #networks, 10 do
  if columns == 0 then
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = 0, 0, 0
  else
    local own = places(at)
    local function of(wanted)
      local slot = wanted % 2
      return wanted >= 0 and hours[slot] == wanted and count(name('hour:' .. slot), own) or 0
    end
    local sums = { count(name('heat'), own), of(hour), of(hour - 1) }
    reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = sums[1], sums[2], sums[3]
  end
end
return reply
