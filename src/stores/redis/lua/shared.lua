-- Each script begins with the definitions of this file that it needs. Values are laid out as ../layout.ts says. The first
-- key is <prefix>{tag}:<kind>:<name>, and the keys that a script makes itself (an owner's index, an evicted session) share
-- its tag, so they share its slot.

local prefix = string.match(KEYS[1], '^[^{]*')

-- Clocks differ: a server that is ahead by less than this many ms drops nothing early.
local slack = 60000

local function session_key(id)
  return prefix .. '{' .. string.sub(id, 1, 5) .. '}:s:' .. id
end

local function id_of(key)
  return string.sub(key, #prefix + 11)
end

-- An integer in full: what Lua makes of a large number by itself has an exponent.
local function moment(ms)
  return string.format('%.0f', math.max(1, math.ceil(ms)))
end

-- Somebody's text or other type, or the torso of a record, is nobody's session: a script that stumbled over it would keep the rest
-- of its owner's from being listed and revoked.
local function any_kind_of(value)
  if not value or value == '' then return 'absent' end
  local form = string.byte(value)
  if form > 31 or (form < 3 and #value < 20) then return 'absent' end
  if form == 1 or form == 2 then return 'record' end
  if form == 3 or form == 4 then return 'marker' end
  return 'newer'
end

-- For what reads or changes a session. One of a newer release, taken for absent, would be overwritten.
local function kind_of(value)
  local kind = any_kind_of(value)
  if kind == 'newer' then error('holdfast-unknown-form ' .. string.byte(value)) end
  return kind
end

-- For what ends a session: that needs to read none, and one that can't be read must not outlive its own revocation, nor
-- that of the others of its owner.
local function is_session(value)
  local kind = any_kind_of(value)
  return kind == 'record' or kind == 'newer'
end

-- What a command answers, or nothing for a key of another type.
local function unless_odd(answer)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.find(answer.err, 'WRONGTYPE', 1, true) then return '' end
  error(answer.err)
end

local function version_of(value)
  return string.sub(value, 2, 12)
end

local function deadline_of(value)
  return (struct.unpack('<d', value, 13))
end

local function owner_of(value)
  if string.byte(value) == 2 then return string.sub(value, 21, 47) end
end

-- The index that a record is in. The head of one that was damaged, or that belongs to another session, may name an owner
-- whose keys lie in another slot: a cluster would break off the script there, and with it a revocation.
local function index_of(key, value)
  local owner = owner_of(value)
  local tag = owner and string.sub(owner, 1, 5)
  if owner and tag == string.sub(id_of(key), 1, 5) then return prefix .. '{' .. tag .. '}:o:' .. owner end
end

-- All but the payload.
local function head_of(key)
  return unless_odd(redis.pcall('GETRANGE', key, 0, 46))
end

-- Fails where only one of two keys is here, since a cluster is just moving their slot: the server that a slot moves to
-- answers for a key that has not come yet as if there were none, but refuses a command that names both. So a session is
-- not taken for gone, nor an index for empty, that lies on the other server.
local function both_here(key, other)
  redis.call('EXISTS', key, other)
end

-- The head of a session that an index names.
local function head_in(index, id)
  local head = head_of(session_key(id))
  if not head or head == '' then both_here(index, session_key(id)) end
  return head
end

-- An index that is on the other server then goes on naming the session, whose marker says that it is over: an end must not
-- fail because a slot moves.
local function leave_index(key, record)
  local index = index_of(key, record)
  if index then redis.pcall('ZREM', index, id_of(key)) end
end

local function write(key, value, deadline)
  redis.call('SET', key, value, 'PXAT', moment(deadline + slack))
end

local function server_time()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A write that changes nothing, for WAIT to wait for: from Redis 7.2 on, and in Valkey, it waits for no less. Of a kind
-- that a full server does not refuse.
local function write_again(key)
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIREAT', key, moment(server_time() + left)) end
end

-- Keeps an index at least as long as a session in it. (PEXPIREAT has no GT before Redis 7.)
local function outlive(index, deadline)
  local left = redis.call('PTTL', index)
  if left == -2 then return end
  local wanted = deadline + 2 * slack
  if left == -1 or server_time() + left < wanted then redis.call('PEXPIREAT', index, moment(wanted)) end
end

-- Whether a moved deadline may need a longer life of the index, told without asking: outlive() made it last until two
-- slacks after the old one, which is at least one after every deadline that rounds up to the same minute.
local function leaves_minute(before, deadline)
  return math.ceil(deadline / slack) > math.ceil(before / slack)
end

-- Puts a session at the end of its owner's index, and looks at two others there: those that have expired leave one by
-- one, so that an index does not grow while nobody lists it.
local function enlist(index, id, deadline)
  for _, other in ipairs(redis.call('ZRANDMEMBER', index, 2)) do
    if redis.call('EXISTS', session_key(other)) == 0 then redis.call('ZREM', index, other) end
  end
  local newest = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
  redis.call('ZADD', index, (tonumber(newest[2]) or 0) + 1, id)
  outlive(index, deadline)
end

-- A write that a full server never refuses, and then it refuses nothing more to the script: a sign-out must not fail for
-- want of memory. Not a DEL, since a server that the slot is just leaving takes a key that is not there for one that has
-- left, and refuses to set it: then the session would be gone without a marker.
local function make_way(key)
  redis.call('PEXPIREAT', key, '9999999999999')
end

-- Puts a marker in a record's place.
local function finish(key, record, marker, keep_until)
  make_way(key)
  redis.call('SET', key, marker, 'PXAT', moment(keep_until + slack))
  leave_index(key, record)
end

-- The owner's sessions that count towards a limit at now, oldest first, but leaving.
local function live_sessions(index, now, leaving)
  local live = {}
  for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    if id ~= leaving then
      local head = head_in(index, id)
      if any_kind_of(head) == 'record' and deadline_of(head) > now then live[#live + 1] = id end
    end
  end
  return live
end

-- Ends the first count of ids as evicted.
local function evict(ids, count, marker, keep_until)
  for at = 1, count do
    local key = session_key(ids[at])
    finish(key, head_of(key), marker, keep_until)
  end
end

-- Whether an owner may have one session more. The arguments from ARGV[first] on are now, startedAt, limit ('' for none),
-- '1' to evict; none of them where nothing limits it. Answers why not, or nil, and then who must go: ids and how many.
local function admission(first, index, mark, leaving)
  local now, started, limit = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
  if not now then return nil, {}, 0 end
  local barred = redis.call('GET', mark)
  if barred then
    local ended_at, keep_until = struct.unpack('<dd', barred)
    if started <= ended_at and now < keep_until then return 'barred' end
  end
  if not limit then return nil, {}, 0 end
  local live = live_sessions(index, now, leaving)
  if #live < limit then return nil, {}, 0 end
  if ARGV[first + 3] ~= '1' or limit < 1 then return 'limit' end
  return nil, live, #live + 1 - limit
end
