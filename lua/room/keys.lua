-- Whose key a position is bound to, for those positions that moved to another one. crates/core/src/room/keys.rs.
--
-- A position is written as <tier>:<index>, with LINE as the tier of a place. What is kept of it is the key (16 bytes), how often
-- it moved (one byte), and when it did so last (8 bytes, big-endian).

local function bound(at)
  local known = redis.call('HGET', sub('moved'), at)
  if not known then
    return nil
  end
  local moves, since = struct.unpack('>BI8', known, 17)
  return known:sub(1, 16), moves, since
end

-- Since when somebody who has this key does not hold a position any more; nil where it is theirs. Without a key nobody asks.
local function lost_since(at, key)
  if key == '' then
    return nil
  end
  local known, _, since = bound(at)
  return known and known ~= key and since or nil
end
