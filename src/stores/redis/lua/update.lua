-- Writes payload and version if the stored version is the expected one. The deadline only moves forward, the owner stays.
--
-- KEYS  1 session
-- ARGV  1 record, without an owner   2 expected version
-- Returns 'updated', 'gone', or on a conflict the record that is stored

local found = redis.call('GET', KEYS[1])
if kind_of(found) ~= 'record' then return 'gone' end
local version = version_of(found)
if version == version_of(ARGV[1]) then return 'updated' end
if version ~= ARGV[2] then return found end
local before = deadline_of(found)
local deadline = math.max(before, deadline_of(ARGV[1]))
local owner = owner_of(found)
local head = string.sub(found, 1, 1) .. version_of(ARGV[1]) .. struct.pack('<d', deadline)
write(KEYS[1], head .. (owner or '') .. string.sub(ARGV[1], 21))
local index = index_of(KEYS[1], found)
if index and deadline > before then outlive(index, deadline) end
return 'updated'
