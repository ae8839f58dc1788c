-- Appends messages to the stream if it stands where the caller believes. Several relays may publish, and the stream may have
-- lost its end in a failover: whoever is wrong about it appends nothing and is told.
--
-- KEYS[1]  the stream
-- ARGV     the number of its last message, as the caller believes (0 for none); then number, message, …: ascending
-- Returns  the number of the stream's last message now
local last = '0'
if redis.call('EXISTS', KEYS[1]) == 1 then
    local info = redis.call('XINFO', 'STREAM', KEYS[1])
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
            last = string.match(info[i + 1], '^%d+')
        end
    end
end
if last == ARGV[1] then
    for i = 2, #ARGV, 2 do
        redis.call('XADD', KEYS[1], ARGV[i] .. '-1', 'message', ARGV[i + 1])
        last = ARGV[i]
    end
end
return last
