-- Return the remembered number of each life, '' for one of which none is known.
-- ARGV: lease, then the lives.

begin(false)

local numbers = {}
for at = 2, #ARGV do
    numbers[#numbers + 1] = redis.call('GET', base .. ':life:' .. ARGV[at]) or ''
end
return numbers
