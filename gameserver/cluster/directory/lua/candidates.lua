-- Draw rooms with free seats, and nodes that make rooms.
-- ARGV: lease, kind, index, seats, count, most to look at.
-- Returns {label, fence, free seats, listing, ...} and {listing, ...}.

begin(false)

local index, makers = base .. ':index:' .. ARGV[3], base .. ':makers:' .. ARGV[2]
local seats, count, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local rooms, nodes = {}, {}
draw(index, most, function(label)
    local room = read_record(redis.call('HGET', ROOMS, label))
    if not alive(room) then
        redis.call('SREM', index, label)
    elseif room.free >= seats then
        for _, each in ipairs({label, text(room.fence), text(room.free),
                redis.call('HGET', NODES, room.node)}) do
            rooms[#rooms + 1] = each
        end
    end
    return #rooms == 4 * count
end)
draw(makers, most, function(node)
    if node_alive(node) then
        nodes[#nodes + 1] = redis.call('HGET', NODES, node)
    else
        redis.call('SREM', makers, node)
    end
    return #nodes == count
end)
return {rooms, nodes}
