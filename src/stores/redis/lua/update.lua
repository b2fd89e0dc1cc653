-- Writes payload and version if the stored version is the expected one. The deadline only moves forward, the owner stays.
--
-- KEYS  1 session
-- ARGV  1 record, without an owner   2 expected version
-- Returns 'updated', 'gone', or on a conflict the record that is stored

local head = head_of(KEYS[1])
if kind_of(head) ~= 'record' then return 'gone' end
local version = version_of(head)
if version == version_of(ARGV[1]) then return 'updated' end
if version ~= ARGV[2] then return redis.call('GET', KEYS[1]) end
local before, deadline, value = deadline_of(head), deadline_of(ARGV[1]), ARGV[1]
local owner = owner_of(head)
if owner or deadline < before then
  deadline = math.max(before, deadline)
  local form = string.sub(head, 1, 1)
  value = form .. version_of(value) .. struct.pack('<d', deadline) .. (owner or '') .. string.sub(value, 21)
end
local index = owner and leaves_minute(before, deadline) and index_of(KEYS[1], head)
-- Before the first write: refused, nothing has changed, and the call sent again does it all.
if index then both_here(KEYS[1], index) end
write(KEYS[1], value, deadline)
if index then outlive(index, deadline) end
return 'updated'
