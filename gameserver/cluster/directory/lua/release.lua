-- End the ownership of a room.  ARGV: lease, node, label, fence.

begin(false)

local room = read_record(redis.call('HGET', ROOMS, ARGV[3]))
if room ~= nil and room.node == ARGV[2] and room.fence == tonumber(ARGV[4]) then
    forget_room(ARGV[3], room)
end
return 1
