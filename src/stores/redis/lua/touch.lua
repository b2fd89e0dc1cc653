-- Moves the idle deadline forward, never back. Writes eight bytes, whatever the payload's size.
--
-- KEYS  1 session
-- ARGV  1 idle deadline
-- Returns 'touched' or 'gone'

local head = head_of(KEYS[1])
if kind_of(head) ~= 'record' then return 'gone' end
local before, deadline = deadline_of(head), tonumber(ARGV[1])
if deadline > before then
  local index = leaves_minute(before, deadline) and index_of(KEYS[1], head)
  -- Before the first write: refused, nothing has changed, and the call sent again does it all.
  if index then both_here(KEYS[1], index) end
  -- PEXPIREAT first: a full server never refuses it, and then does not refuse SETRANGE either. A moment that has just
  -- passed removes the key, and SETRANGE would make a torso of it.
  redis.call('PEXPIREAT', KEYS[1], moment(deadline + slack))
  if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
  redis.call('SETRANGE', KEYS[1], 12, struct.pack('<d', deadline))
  if index then outlive(index, deadline) end
end
return 'touched'
