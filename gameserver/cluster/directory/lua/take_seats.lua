-- Count seats of a room as taken.  ARGV: lease, label, fence, seats.  Returns 1, or 0 if too few.

begin(false)

local label, seats = ARGV[2], tonumber(ARGV[4])
local room = read_record(redis.call('HGET', ROOMS, label))
if not alive(room) or room.fence ~= tonumber(ARGV[3]) or room.free < seats then
    return 0
end
room.free = room.free - seats
if room.free == 0 then
    unindex(label, room)
    room.indexes = ''
end
redis.call('HSET', ROOMS, label, record_of(room))
return 1
