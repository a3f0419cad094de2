-- Use something up.  ARGV: lease, name, by, ms.  Returns 1 for the first use, and its repetition.

begin(false)

-- What was used is remembered by directory time, and cleared away a while later: a clock of the
-- machine that is set forward by less than that lets nothing be used twice.
local CLEARED_LATER_MS = 60000

local key = base .. ':used:' .. ARGV[2]
local by, till = string.match(redis.call('GET', key) or '', '^(.*) (%d+)$')
if by ~= nil and tonumber(till) > clock then
    return by == ARGV[3] and 1 or 0
end
redis.call('SET', key, ARGV[3] .. ' ' .. text(clock + ARGV[4]),
    'PX', text(ARGV[4] + CLEARED_LATER_MS))
return 1
