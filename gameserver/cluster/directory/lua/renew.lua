-- List a node and all its rooms.
-- ARGV: lease, node, listing, kinds, pages, number of pages, their blobs,
--       then for each room: label, fence, free seats, indexes.
-- Returns the labels of the rooms that have a newer owner.

local node, listing, kinds, pages = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local page_count = tonumber(ARGV[6])
local first_room = 7 + page_count
local seq = text((tonumber(redis.call('HGET', SEQS, node)) or 0) + 1)

local labels = {}
for at = first_room, #ARGV, 4 do
    labels[#labels + 1] = ARGV[at]
end
local former = {}
for from = 1, #labels, MOST do
    local some = redis.call('HMGET', ROOMS, unpack(labels, from, math.min(from + MOST - 1, #labels)))
    for at = 1, #some do
        former[from + at - 1] = some[at]
    end
end

local lost, written, members, highest = {}, {}, {}, 0
for number, label in ipairs(labels) do
    local at = first_room + 4 * (number - 1)
    local fence, indexes = tonumber(ARGV[at + 1]), ARGV[at + 3]
    local before = read_record(former[number])
    highest = math.max(highest, fence)
    local newer = false
    if before ~= nil and alive(before) then
        newer = before.fence > fence or (before.node ~= node and before.fence == fence)
    end
    if newer then
        lost[#lost + 1] = label
    else
        if before ~= nil and before.indexes ~= indexes then
            unindex(label, before)
        end
        written[#written + 1] = label
        written[#written + 1] = table.concat(
            {node, ARGV[at + 1], seq, '0', ARGV[at + 2], indexes}, ' ')
        for index in string.gmatch(indexes, '[^\n]+') do
            local set = members[index]
            if set == nil then
                set = {}
                members[index] = set
            end
            set[#set + 1] = label
        end
    end
end
for from = 1, #written, MOST do
    redis.call('HSET', ROOMS, unpack(written, from, math.min(from + MOST - 1, #written)))
end
for index, set in pairs(members) do
    for from = 1, #set, MOST do
        redis.call('SADD', base .. ':index:' .. index,
            unpack(set, from, math.min(from + MOST - 1, #set)))
    end
end
if highest > (tonumber(redis.call('HGET', META, 'fence')) or 0) then
    redis.call('HSET', META, 'fence', text(highest))
end

redis.call('ZADD', LEASES, clock + lease_ms, node)
redis.call('ZADD', NAMES, 0, node)
redis.call('HSET', SEQS, node, seq)
redis.call('HSET', NODES, node, listing)
local kinds_before = redis.call('HGET', KINDS, node) or ''
if kinds_before ~= kinds then
    for kind in string.gmatch(kinds_before, '%S+') do
        redis.call('SREM', base .. ':makers:' .. kind, node)
    end
end
redis.call('HSET', KINDS, node, kinds)
for kind in string.gmatch(kinds, '%S+') do
    redis.call('SADD', base .. ':makers:' .. kind, node)
end
local pages_before = 0
for _ in string.gmatch(redis.call('HGET', PAGES, node) or '', '%d+:%d+') do
    pages_before = pages_before + 1
end
for page = page_count, pages_before - 1 do
    redis.call('DEL', base .. ':page:' .. node .. ':' .. page)
end
redis.call('HSET', PAGES, node, pages)
for page = 0, page_count - 1 do
    redis.call('SET', base .. ':page:' .. node .. ':' .. page, ARGV[7 + page],
        'PX', text(10 * lease_ms))
end

-- Each renewal clears away a few entries of those who are gone.
local gone = redis.call('ZRANGEBYSCORE', LEASES, '-inf', clock, 'LIMIT', 0, 2)
for _, name in ipairs(gone) do
    forget_node(name)
end
local swept = redis.call('HSCAN', ROOMS, redis.call('HGET', META, 'sweep') or '0', 'COUNT', 16)
redis.call('HSET', META, 'sweep', swept[1])
known_seqs[node] = seq
known_leases[node] = true
for at = 1, #swept[2], 2 do
    local room = read_record(swept[2][at + 1])
    if room == nil then
        redis.call('HDEL', ROOMS, swept[2][at])
    elseif not alive(room) then
        forget_room(swept[2][at], room)
    end
end
return lost
