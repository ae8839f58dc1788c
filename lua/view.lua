-- Lets time pass and says how the room stands; `Command::Tick` and `Store::view`.
--
-- KEYS[1]  the room
-- ARGV     now, the epoch that the caller knows, how many closed sessions of it the caller knows
-- Returns  {'ok', {name, value ...}, active, {<place>:<until> ...} closed since}; names are those of the state,
--          and expected, no_show_permille

if not s.generation then
  return { 'refused', 'not_scheduled' }
end
local known = ARGV[2] == s.epoch and ARGV[3] or '0'
local closed = redis.call('ZRANGEBYSCORE', sub('closed_log'), '(' .. known, '+inf')
local inside = active()
local derived = {
  'expected', integer(math.ceil(expected_units() / PERSON)),
  'no_show_permille', integer(math.floor(no_show_units() * 1000 / PERSON)),
}
finish()
local secret = s.secret
if not s.seed then
  -- What is not public yet does not leave the store.
  s.secret = nil
end
local state = derived
for name, value in pairs(s) do
  state[#state + 1] = name
  state[#state + 1] = TEXTS[name] and value or integer(value)
end
s.secret = secret
return { 'ok', state, inside, closed }
