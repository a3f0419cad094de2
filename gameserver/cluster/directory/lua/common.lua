-- Before every script: the keys, directory time, and which room or node is alive.
--
-- KEYS[1] is the base of all keys; they have one hash tag, so that they lie on one node of a Redis
-- Cluster.  ARGV[1] is the lease in ms.
--
--   base:meta     hash: wall, clock, run, settled, fence (see `begin`)
--   base:leases   sorted set: node -> directory time at which its lease ends
--   base:names    sorted set of all nodes with equal scores, for pages
--   base:seqs     hash: node -> the number of its newest renewal
--   base:nodes    hash: node -> its listing, JSON
--   base:pages    hash: node -> first serial and number of rooms of each of its pages
--   base:kinds    hash: node -> the kinds of which it makes rooms
--   base:rooms    hash: label -> "node fence indexes<tab>seq until free"
--   base:index:I  set of the labels of rooms with free seats in the index I
--   base:makers:K set of the nodes that make rooms of the kind K
--   base:page:N:i string: rooms of the node N for lists
--   base:used:X   string: who used X first, and until when that is remembered
--   base:life:X   string: the newest number of resume tokens of the life X
--
-- A room is alive if its owner has a lease, and has listed it in its newest renewal or claimed it
-- until a time that is not over ("until", in directory time).

local base, lease_ms = KEYS[1], tonumber(ARGV[1])
local META, LEASES, NAMES = base .. ':meta', base .. ':leases', base .. ':names'
local SEQS, NODES, PAGES = base .. ':seqs', base .. ':nodes', base .. ':pages'
local KINDS, ROOMS = base .. ':kinds', base .. ':rooms'
-- Arguments that one call of Redis takes from a Lua table.
local MOST = 1000

local function text(number)
    return string.format('%.0f', number)
end

-- Directory time in ms: it goes on by at most half a lease from one script to the next, whatever
-- the clock of the machine does.  So no lease ends because Redis was away, or the clock was set.
local clock
-- How long claims are still refused: data may have been lost since the last script, if there is no
-- data, or if this is another run of Redis (after a restart, or a failover to a replica).
local settles_in_ms

-- Begin a script.  `looks`: it matters to this one whether data may have been lost.
local function begin(looks)
    local time = redis.call('TIME')
    local wall = time[1] * 1000 + math.floor(time[2] / 1000)
    local meta = redis.call('HMGET', META, 'wall', 'clock', 'run', 'settled')
    clock = tonumber(meta[2]) or wall
    local passed = wall - (tonumber(meta[1]) or wall)
    clock = clock + math.max(0, math.min(passed, lease_ms / 2))
    local settled = tonumber(meta[4]) or 0
    local run = looks and string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
    if looks and meta[3] ~= run then
        settled = clock + lease_ms
        -- The newest fences may have been lost: go on from the microseconds since 1970.
        local fence = math.max(time[1] * 1000000 + time[2],
            (tonumber(redis.call('HGET', META, 'fence')) or 0) + 1000000)
        redis.call('HSET', META, 'run', run, 'settled', text(settled), 'fence', text(fence))
    end
    redis.call('HSET', META, 'wall', text(wall), 'clock', text(clock))
    settles_in_ms = settled - clock
end

local known_leases, known_seqs = {}, {}

local function node_alive(node)
    local alive = known_leases[node]
    if alive == nil then
        local ends = redis.call('ZSCORE', LEASES, node)
        alive = ends ~= false and tonumber(ends) > clock
        known_leases[node] = alive
    end
    return alive
end

local function seq_of(node)
    local seq = known_seqs[node]
    if seq == nil then
        seq = redis.call('HGET', SEQS, node) or '-'
        known_seqs[node] = seq
    end
    return seq
end

-- A room's record as a table, whether it is alive or not; nil if there is none.
local function read_record(record)
    if not record then
        return nil
    end
    local node, fence, indexes, seq, till, free =
        string.match(record, '^(%S+) (%d+) ([^\t]*)\t(%d+) (%d+) (%d+)$')
    if node == nil then
        return nil -- of another version
    end
    return {node = node, fence = tonumber(fence), seq = seq, till = tonumber(till),
        free = tonumber(free), indexes = indexes}
end

local function alive(room)
    return room ~= nil and node_alive(room.node)
        and (room.seq == seq_of(room.node) or room.till > clock)
end

local function record_of(room)
    return room.node .. ' ' .. text(room.fence) .. ' ' .. room.indexes .. '\t' .. room.seq .. ' '
        .. text(room.till) .. ' ' .. text(room.free)
end

-- Call `look` with different random members of a set, until it returns true or `most` were drawn.
local function draw(set, most, look)
    local seen = {}
    -- A negative count draws each from the whole set, in random order.
    for _, member in ipairs(redis.call('SRANDMEMBER', set, -most)) do
        if not seen[member] then
            seen[member] = true
            if look(member) then
                return
            end
        end
    end
end

local function each_index(indexes, call)
    for index in string.gmatch(indexes, '[^\n]+') do
        call(base .. ':index:' .. index)
    end
end

local function unindex(label, room)
    each_index(room.indexes, function(key) redis.call('SREM', key, label) end)
end

local function forget_room(label, room)
    unindex(label, room)
    redis.call('HDEL', ROOMS, label)
end

local function forget_node(node)
    for kind in string.gmatch(redis.call('HGET', KINDS, node) or '', '%S+') do
        redis.call('SREM', base .. ':makers:' .. kind, node)
    end
    local page = 0
    for _ in string.gmatch(redis.call('HGET', PAGES, node) or '', '%d+:%d+') do
        redis.call('DEL', base .. ':page:' .. node .. ':' .. page)
        page = page + 1
    end
    redis.call('ZREM', LEASES, node)
    redis.call('ZREM', NAMES, node)
    for _, hash in ipairs({SEQS, NODES, PAGES, KINDS}) do
        redis.call('HDEL', hash, node)
    end
end
