-- Return rooms for a list: pages of nodes, from the one after the cursor.
-- ARGV: lease, node, serial, limit, most nodes to look at.
-- Returns the node at which to go on ('' at the end), then {node, blob, ...}.

begin(false)

local from_node, after, limit = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local most = tonumber(ARGV[5])
local from = from_node == '' and '-' or '[' .. from_node
local names = redis.call('ZRANGEBYLEX', NAMES, from, '+', 'LIMIT', 0, most + 1)
local blobs, rooms = {}, 0
for number, name in ipairs(names) do
    -- One room more than asked for, so that the caller knows whether there are more.
    if number > most or rooms > limit then
        return {name, blobs}
    end
    if node_alive(name) then
        local starts = {}
        for first, size in string.gmatch(redis.call('HGET', PAGES, name) or '', '(%d+):(%d+)') do
            starts[#starts + 1] = {tonumber(first), tonumber(size)}
        end
        for page, start in ipairs(starts) do
            local passed = name == from_node and starts[page + 1] ~= nil
                and starts[page + 1][1] <= after + 1
            if not passed and rooms <= limit then
                local blob = redis.call('GET', base .. ':page:' .. name .. ':' .. (page - 1))
                if blob then
                    blobs[#blobs + 1] = name
                    blobs[#blobs + 1] = blob
                    -- The first page may begin before the cursor.
                    if name ~= from_node or start[1] > after then
                        rooms = rooms + start[2]
                    end
                end
            end
        end
    end
end
return {'', blobs}
