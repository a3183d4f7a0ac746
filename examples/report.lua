-- SPDX-License-Identifier: MIT
-- gorctl run --lua examples/report.lua 2026-11
-- The days of a month, a program for each, all at once; the report counts those that succeeded.
local month = args[1] or os.date("!%Y-%m")
local year, number = month:match("^(%d%d%d%d)-(%d%d)$")
if not year or tonumber(number) < 1 or tonumber(number) > 12 then
    log("'" .. month .. "' is no month; write 2026-11")
    return 64
end
local days = os.date("!*t", os.time{year = year, month = number + 1, day = 0, hour = 12}).day
local jobs = {}
for day = 1, days do
    jobs[day] = job.submit{name = month .. " " .. day, argv = {"/bin/true"}}
end
local good = 0
for day, id in ipairs(jobs) do
    local ended = job.wait(id)
    good = good + (ended.outcome == "succeeded" and 1 or 0)
    progress(day, days)
end
print(("%s: %d days, %d reports"):format(month, days, good))
return good == days and 0 or 1
