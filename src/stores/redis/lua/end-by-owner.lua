-- Ends every session of an owner but one, and leaves a mark that bars what was begun before.
--
-- KEYS  1 the owner's index   2 the owner's mark
-- ARGV  1 ended at   2 until when mark and markers are kept   3 marker   4 id that is spared, or ''
-- Returns the ids that were ended

local ended_at, keep_until = tonumber(ARGV[1]), tonumber(ARGV[2])
local before = redis.call('GET', KEYS[2])
if before then
  local earlier, kept = struct.unpack('<dd', before)
  ended_at, keep_until = math.max(ended_at, earlier), math.max(keep_until, kept)
end
-- DEL first, as in finish(): a revocation must not fail for want of memory.
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[2], struct.pack('<dd', ended_at, keep_until), 'PXAT', moment(keep_until + slack))
local ended = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if id ~= ARGV[4] then
    local key = session_key(id)
    local head = head_of(key)
    if is_session(head) then
      finish(key, head, ARGV[3], ARGV[2])
      ended[#ended + 1] = id
    end
    redis.call('ZREM', KEYS[1], id)
  end
end
return ended
