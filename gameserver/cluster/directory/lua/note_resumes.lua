-- Remember the newest numbers of resume tokens.  ARGV: lease, ms, then life and number of each.

begin(false)

for at = 3, #ARGV, 2 do
    local key = base .. ':life:' .. ARGV[at]
    local known = tonumber(redis.call('GET', key)) or 0
    redis.call('SET', key, text(math.max(known, tonumber(ARGV[at + 1]))), 'PX', ARGV[2])
end
return 1
