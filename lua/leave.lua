-- Gives up places; one that is inside already is released; `Command::Leave`.
--
-- KEYS[1]  the room
-- ARGV     now, epoch, revision, place ...
-- Returns  {'ok'}

if not s.generation then
  return { 'refused', 'not_scheduled' }
elseif is_mending() then
  return refuse('mending', integer(s.mending))
end

local function leave(place)
  if release(place) then
    return
  end
  find(place)
  if tonumber(place) >= line_size() or is_gone(place) or has_expired(place) then
    return
  end
  set_gone(place)
  if s.tiers then
    redis.call('SETBIT', sub('given_up'), place, 1)
  end
  s.left = s.left + 1
  changed = true
  if tonumber(place) < s.serving then
    ask_no_more(place)
    s.outstanding = s.outstanding - 1
  end
end

for i = 4, #ARGV do
  leave(ARGV[i])
end
return answer()
