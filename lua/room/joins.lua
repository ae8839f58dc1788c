-- Joins of networks, counted where the room is: a part of the scripts that take fans.
--
-- ARGV from 5 on has, for each network whose joins are counted, the number of its fan (from 1), the network's name, what a join
-- costs and how much may be owed, both in microseconds.

-- Which of those who join are of a network that has had its share, and for how many ms: one number a network, the time at which its
-- credit will be whole again, as in crates/core/src/rate_limit/gcra.rs.
local function count_networks()
  local over, now = {}, s.now * 1000
  for i = 5, #ARGV, 4 do
    local at, name = tonumber(ARGV[i]), sub('joins:' .. ARGV[i + 1])
    local each, tolerance = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
    local whole = math.max(tonumber(redis.call('GET', name) or 0), now)
    if over[at] == nil and whole - now > tolerance then
      over[at] = math.ceil((whole - now - tolerance) / 1000)
    elseif over[at] == nil then
      whole = whole + each
      redis.call('SET', name, integer(whole), 'PX', math.ceil((whole - now) / 1000))
    end
  end
  return over
end

