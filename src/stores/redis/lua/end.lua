-- Ends a session and leaves a marker. A marker that is there stays as it is.
--
-- KEYS  1 session
-- ARGV  1 marker   2 until when it is kept   3 '1' to write in any case, for WAIT
-- Returns 'ended', or 'unknown' where nothing is stored under the id

local head = head_of(KEYS[1])
if any_kind_of(head) == 'absent' then return 'unknown' end
if is_session(head) then finish(KEYS[1], head, ARGV[1], ARGV[2])
elseif ARGV[3] == '1' then write_again(KEYS[1]) end
return 'ended'
