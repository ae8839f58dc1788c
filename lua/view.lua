-- Lets time pass and says how the room stands; `Command::Tick` and `Store::view`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, the epoch that the caller knows, how many closed sessions of it the caller knows,
--          the caller's own name
-- Returns  {'ok', {name, value ...}, active, {<place>:<until> ...} closed since, how many of them the caller knows then};
--          names are those of the state, and expected, no_show_permille, may_come (no place below may still come), is_mending, server_ms (the server's
--          own clock); the secret is for edges only

if not s.generation then
  return { 'refused', 'not_scheduled' }
end
local known = ARGV[4] == s.epoch and ARGV[5] or '0'
-- As many as can be told quickly; the caller asks again for the rest.
local CLOSED_MAX = 1000
local closed = redis.call('ZRANGEBYSCORE', sub('closed_log'), '(' .. known, '+inf', 'LIMIT', 0, CLOSED_MAX)
local told = #closed == CLOSED_MAX and redis.call('ZSCORE', sub('closed_log'), closed[#closed]) or integer(s.closed_count)
if ARGV[6] ~= '' then
  -- Whoever looks may have been answered something, which a server that takes over may lack.
  s['edge:' .. ARGV[6]] = s.now
end
-- A few chunks at each look, so that all are looked at again and again.
local CHUNKS_A_LOOK = 64
local chunks = s.tiers and chunks_of_all() or s.early / ENTRIES_A_CHUNK
s.looked_at = (s.looked_at or 0) < chunks and s.looked_at or 0
forget_index()
local gone_chunk = missing_chunk(s.looked_at, s.looked_at + CHUNKS_A_LOOK)
s.looked_at = s.looked_at + CHUNKS_A_LOOK
if gone_chunk then
  return finish({ 'lost', 'part' })
end
local inside = active()
local asking = redis.call('ZRANGE', sub('asking_places'), 0, 0)[1]
local state = {
  'expected', integer(math.ceil(expected_units() / PERSON)),
  'no_show_permille', integer(math.floor(no_show_units() * 1000 / PERSON)),
  'may_come', integer(math.min(s.lapsed, tonumber(asking) or s.lapsed)),
  'is_mending', is_mending() and '1' or '0',
  'server_ms', integer(server_ms()),
}
finish()
for name, value in pairs(s) do
  state[#state + 1] = name
  state[#state + 1] = TEXTS[name] and value or integer(value)
end
return { 'ok', state, inside, closed, tonumber(told) }
