-- List a node and all its rooms.
-- ARGV: lease, node, listing, kinds, highest fence, number of pages, number of groups, the pages,
--       their blobs, then for each group of rooms with the same indexes: indexes and number of
--       rooms; then for each room, group after group: label, the head of its record (node, fence
--       and indexes), free seats.
-- Returns the labels of the rooms that have a newer owner.

begin(true)

local node, listing, kinds, highest = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local page_count, group_count, pages = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local first_page = 9
local first_group = first_page + page_count
local first_room = first_group + 2 * group_count
local seq = text((tonumber(redis.call('HGET', SEQS, node)) or 0) + 1)

local labels = {}
for at = first_room, #ARGV, 3 do
    labels[#labels + 1] = ARGV[at]
end

-- Whether this node may list a room whose record is `before`, which another one has written, or
-- this one with another fence or other indexes.
local function takes(label, head, before)
    if before == nil then
        return true
    end
    local ours = read_record(head .. '0 0 0')
    if alive(before) and (before.fence > ours.fence
            or before.node ~= node and before.fence == ours.fence) then
        return false
    end
    unindex(label, before)
    return true
end

local lost, lost_at, sub = {}, {}, string.sub
local tail = seq .. ' 0 '
for from = 1, #labels, MOST do
    local to = math.min(from + MOST - 1, #labels)
    local former = redis.call('HMGET', ROOMS, unpack(labels, from, to))
    local written, count = {}, 0
    for number = from, to do
        local at = first_room + 3 * (number - 1)
        local head, record = ARGV[at + 1], former[number - from + 1]
        if (record and sub(record, 1, #head) == head)
                or takes(labels[number], head, read_record(record)) then
            written[count + 1] = labels[number]
            written[count + 2] = head .. tail .. ARGV[at + 2]
            count = count + 2
        else
            lost[#lost + 1] = labels[number]
            lost_at[labels[number]] = true
        end
    end
    if count > 0 then
        redis.call('HSET', ROOMS, unpack(written, 1, count))
    end
end

local first = 1
for group = 0, group_count - 1 do
    local indexes = ARGV[first_group + 2 * group]
    local last = first + tonumber(ARGV[first_group + 2 * group + 1]) - 1
    each_index(indexes, function(key)
        for from = first, last, MOST do
            redis.call('SADD', key, unpack(labels, from, math.min(from + MOST - 1, last)))
        end
    end)
    first = last + 1
end
-- A room that was lost is in the indexes of its owner only.
for label in pairs(lost_at) do
    local room = read_record(redis.call('HGET', ROOMS, label))
    for group = 0, group_count - 1 do
        each_index(ARGV[first_group + 2 * group], function(key)
            if room == nil or not string.find('\n' .. room.indexes .. '\n',
                    '\n' .. sub(key, #base + 8) .. '\n', 1, true) then
                redis.call('SREM', key, label)
            end
        end)
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
    redis.call('SET', base .. ':page:' .. node .. ':' .. page, ARGV[first_page + page],
        'PX', text(10 * lease_ms))
end

-- Each renewal clears away a few entries of those who are gone.
local gone = redis.call('ZRANGEBYSCORE', LEASES, '-inf', clock, 'LIMIT', 0, 2)
for _, name in ipairs(gone) do
    forget_node(name)
end
local swept = redis.call('HSCAN', ROOMS, redis.call('HGET', META, 'sweep') or '0', 'COUNT', 8)
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
