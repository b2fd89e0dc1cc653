-- Undoes the first step of a replace across slots. No marker: nobody was ever given a token of this session.
--
-- KEYS  1 new session
-- ARGV  1 its version
-- Returns 'taken-back'

local head = head_of(KEYS[1])
if kind_of(head) == 'record' and version_of(head) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  leave_index(KEYS[1], head)
end
return 'taken-back'
