-- Make a node the owner of a room, unless another one is that does not pass it on.
-- ARGV: lease, node, label ('' for any free name), kind, hold in ms, free seats, indexes, and the
--       node and fence of an owner that passes the room on ('' and 0: none does).
-- Returns 'lease', or 'settling' and ms, or 'busy', or 'owner', node, fence, label, listing.

begin(true)

local node, label, kind, hold_ms = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if not node_alive(node) then
    return {'lease'}
end
if settles_in_ms > 0 then
    return {'settling', text(settles_in_ms)}
end

local room
if label ~= '' then
    room = read_record(redis.call('HGET', ROOMS, label))
else
    -- After a wipe numbers begin at 1 again, of which many may be taken.
    for step = 0, 30 do
        local number = redis.call('HINCRBY', META, 'number:' .. kind, math.floor(1.5 ^ step))
        label = kind .. '/' .. text(number)
        room = read_record(redis.call('HGET', ROOMS, label))
        if not alive(room) then
            break
        end
    end
    if alive(room) then
        return {'busy'}
    end
end
if alive(room) then
    if room.node ~= node and room.node == ARGV[8] and room.fence == tonumber(ARGV[9]) then
        room.node, room.seq, room.till = node, '0', clock + hold_ms
        room.fence = redis.call('HINCRBY', META, 'fence', 1)
        redis.call('HSET', ROOMS, label, record_of(room))
    elseif room.node == node and room.till > 0 then
        room.till = clock + hold_ms
        redis.call('HSET', ROOMS, label, record_of(room))
    end
else
    if room ~= nil then
        unindex(label, room)
    end
    room = {node = node, fence = redis.call('HINCRBY', META, 'fence', 1), seq = '0',
        till = clock + hold_ms, free = tonumber(ARGV[6]), indexes = ARGV[7]}
    redis.call('HSET', ROOMS, label, record_of(room))
    each_index(room.indexes, function(key) redis.call('SADD', key, label) end)
end
return {'owner', room.node, text(room.fence), label, redis.call('HGET', NODES, room.node)}
