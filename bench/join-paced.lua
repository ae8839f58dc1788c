-- wrk script: as join.lua, but each of 250 connections asks twenty times a second, which is 5,000 joins a second.
dofile(debug.getinfo(1, "S").source:match("^@(.*)join%-paced%.lua$") .. "join.lua")

function delay()
    return 50
end
