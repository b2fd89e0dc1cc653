-- The last step of a replace across slots at a limit that evicts: ends the owner's oldest until the limit holds.
--
-- KEYS  1 the owner's index
-- ARGV  1 now   2 limit   3 id of the new session, which stays   4 marker of the evicted   5 until when it is kept
-- Returns 'evicted'

local live = live_sessions(KEYS[1], tonumber(ARGV[1]), ARGV[3])
evict(live, #live + 1 - tonumber(ARGV[2]), ARGV[4], ARGV[5])
return 'evicted'
