-- wrk script: every request is a join with a nonce of its own (16 random bytes, base64url without padding).
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
math.randomseed(os.time())

function request()
    local nonce = {}
    for i = 1, 21 do
        local pick = math.random(1, 64)
        nonce[i] = alphabet:sub(pick, pick)
    end
    -- 22 characters carry 132 bits: the last one must leave its low four bits zero.
    local last = math.random(0, 3) * 16 + 1
    nonce[22] = alphabet:sub(last, last)
    return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, '{"nonce":"' .. table.concat(nonce) .. '"}')
end
