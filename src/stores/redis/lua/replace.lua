-- Ends one session and creates another, both or neither. In a cluster: only where both have the same tag.
--
-- KEYS  1 old session   2 new session   and of a record with an owner: 3 the owner's index, 4 the owner's mark
-- ARGV  1 record   2 expected version of the old one   3 marker of the old one   4 until when it is kept
--       and where the owner is limited: 5 now, 6 startedAt, 7 limit or '', 8 '1' to evict, 9 marker of the evicted,
--       10 until when it is kept
-- Returns 'replaced', 'gone', 'exists', 'limit', 'barred', or on a conflict the old record

local old = redis.call('GET', KEYS[1])
local taken = head_of(KEYS[2])
local taken_kind = kind_of(taken)
if kind_of(old) ~= 'record' then
  if taken_kind == 'record' and version_of(taken) == version_of(ARGV[1]) then return 'replaced' end
  return 'gone'
end
if version_of(old) ~= ARGV[2] then return old end
if taken_kind ~= 'absent' then return 'exists' end
local refusal, leaving, count = admission(5, KEYS[3], KEYS[4], id_of(KEYS[1]))
if refusal then return refusal end
-- The first write, and the only one that a full server refuses: refused, nothing has changed.
write(KEYS[2], ARGV[1], deadline_of(ARGV[1]))
finish(KEYS[1], old, ARGV[3], ARGV[4])
evict(leaving, count, ARGV[9], ARGV[10])
if KEYS[3] then enlist(KEYS[3], id_of(KEYS[2]), deadline_of(ARGV[1])) end
return 'replaced'
