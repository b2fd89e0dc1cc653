-- The last step of a replace across slots at a limit that evicts: ends the owner's oldest until the limit holds.
--
-- KEYS  1 the owner's index
-- ARGV  1 now   2 limit   3 marker of the evicted   4 until when it is kept
-- Returns 'evicted'

-- The new session is one of them. By the time that this runs others may have come after it, and then it goes before they
-- do: if each spared its own, two at the same time would end each other's, and leave none.
local live = live_sessions(KEYS[1], tonumber(ARGV[1]))
evict(live, #live - tonumber(ARGV[2]), ARGV[3], ARGV[4])
return 'evicted'
