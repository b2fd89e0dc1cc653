-- Ends every session of an owner but one, and leaves a mark that bars what was begun before.
--
-- KEYS  1 the owner's index   2 the owner's mark
-- ARGV  1 ended at   2 until when mark and markers are kept   3 marker   4 id that is spared, or ''
-- Returns the ids that were ended

-- All of them first: what breaks off here has changed nothing.
local heads = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if id ~= ARGV[4] then heads[#heads + 1] = { id, head_in(KEYS[1], id) } end
end
local ended_at, keep_until = tonumber(ARGV[1]), tonumber(ARGV[2])
local before = redis.call('GET', KEYS[2])
if before then
  local earlier, kept = struct.unpack('<dd', before)
  ended_at, keep_until = math.max(ended_at, earlier), math.max(keep_until, kept)
end
make_way(KEYS[2])
redis.call('SET', KEYS[2], struct.pack('<dd', ended_at, keep_until), 'PXAT', moment(keep_until + slack))
local ended = {}
for _, entry in ipairs(heads) do
  local id, head = entry[1], entry[2]
  if is_session(head) then
    finish(session_key(id), head, ARGV[3], ARGV[2])
    ended[#ended + 1] = id
  end
  -- Gone with the last of its members, the index may be taken for one that has left.
  redis.pcall('ZREM', KEYS[1], id)
end
return ended
