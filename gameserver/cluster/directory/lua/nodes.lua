-- Return the listings of living nodes.
-- ARGV: lease, 'one' and a node, or 'page', the cursor and the limit.
-- Returns the cursor of the next page, and the listings.

begin(false)

if ARGV[2] == 'one' then
    if not node_alive(ARGV[3]) then
        return {''}
    end
    return {'', redis.call('HGET', NODES, ARGV[3])}
end
local after, limit = ARGV[3], tonumber(ARGV[4])
local from = after == '' and '-' or '(' .. after
local names = redis.call('ZRANGEBYLEX', NAMES, from, '+', 'LIMIT', 0, limit + 1)
local answer = {''}
for number, name in ipairs(names) do
    if number > limit then
        answer[1] = names[limit]
    elseif node_alive(name) then
        answer[#answer + 1] = redis.call('HGET', NODES, name)
    end
end
return answer
