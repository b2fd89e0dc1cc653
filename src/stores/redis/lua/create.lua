-- Keeps a new record; never overwrites.
--
-- KEYS  1 session   and of a record with an owner: 2 the owner's index, 3 the owner's mark
-- ARGV  1 record    and where its owner is limited: 2 now, 3 startedAt, 4 limit or '', 5 '1' to evict,
--                   6 marker of the evicted, 7 until when it is kept, 8 '1' to leave evicting to evict.lua
-- Returns 'created', 'exists', 'limit' or 'barred'

local found = redis.call('GET', KEYS[1])
local kind = kind_of(found)
if kind == 'record' and version_of(found) == version_of(ARGV[1]) then return 'created' end
if kind ~= 'absent' then return 'exists' end
local refusal, leaving, count = admission(2, KEYS[2], KEYS[3])
if refusal then return refusal end
-- The first write, and the only one that a full server refuses: refused, nothing has changed.
write(KEYS[1], ARGV[1], deadline_of(ARGV[1]))
if ARGV[8] ~= '1' then evict(leaving, count, ARGV[6], ARGV[7]) end
if KEYS[2] then enlist(KEYS[2], id_of(KEYS[1]), deadline_of(ARGV[1])) end
return 'created'
