-- wrk script: fans who are inside, each with a session of its own. The arguments are their `Cookie` headers' values.
local requests, turn = {}, 0

function init(cookies)
    for i, cookie in ipairs(cookies) do
        requests[i] = wrk.format("GET", nil, { ["Cookie"] = cookie })
    end
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end
