-- The second step of a replace across slots: ends the old session, with a marker that names its successor, so that the
-- same step sent again is known for what it is.
--
-- KEYS  1 old session
-- ARGV  1 marker that names the successor   2 until when it is kept   3 expected version   4 successor
-- Returns 'ended', 'gone', or on a conflict the record that is stored

local found = redis.call('GET', KEYS[1])
if kind_of(found) == 'record' then
  if version_of(found) ~= ARGV[3] then return found end
  finish(KEYS[1], found, ARGV[1], ARGV[2])
  return 'ended'
end
if found and string.byte(found) == 4 and string.sub(found, 10, 36) == ARGV[4] then return 'ended' end
return 'gone'
