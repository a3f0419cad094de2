-- Return node, fence and the node's listing for a living room; else nothing.  ARGV: lease, label.

begin(false)

local room = read_record(redis.call('HGET', ROOMS, ARGV[2]))
if not alive(room) then
    return {}
end
return {room.node, text(room.fence), redis.call('HGET', NODES, room.node)}
