// Made by scripts/lua.ts from the .lua files in ./lua; change those.

const shared: Readonly<Record<string, string>> = {
  prefix: `local prefix = string.match(KEYS[1], '^[^{]*')`,
  slack: `local slack = 60000`,
  session_key: `local function session_key(id)
return prefix .. '{' .. string.sub(id, 1, 5) .. '}:s:' .. id
end`,
  id_of: `local function id_of(key)
return string.sub(key, #prefix + 11)
end`,
  moment: `local function moment(ms)
return string.format('%.0f', math.max(1, math.ceil(ms)))
end`,
  any_kind_of: `local function any_kind_of(value)
if not value or value == '' then return 'absent' end
local form = string.byte(value)
if form > 31 or (form < 3 and #value < 20) then return 'absent' end
if form == 1 or form == 2 then return 'record' end
if form == 3 or form == 4 then return 'marker' end
return 'newer'
end`,
  kind_of: `local function kind_of(value)
local kind = any_kind_of(value)
if kind == 'newer' then error('holdfast-unknown-form ' .. string.byte(value)) end
return kind
end`,
  is_session: `local function is_session(value)
local kind = any_kind_of(value)
return kind == 'record' or kind == 'newer'
end`,
  unless_odd: `local function unless_odd(answer)
if type(answer) ~= 'table' or not answer.err then return answer end
if string.find(answer.err, 'WRONGTYPE', 1, true) then return '' end
error(answer.err)
end`,
  version_of: `local function version_of(value)
return string.sub(value, 2, 12)
end`,
  deadline_of: `local function deadline_of(value)
return (struct.unpack('<d', value, 13))
end`,
  owner_of: `local function owner_of(value)
if string.byte(value) == 2 then return string.sub(value, 21, 47) end
end`,
  index_of: `local function index_of(key, value)
local owner = owner_of(value)
local tag = owner and string.sub(owner, 1, 5)
if owner and tag == string.sub(id_of(key), 1, 5) then return prefix .. '{' .. tag .. '}:o:' .. owner end
end`,
  head_of: `local function head_of(key)
return unless_odd(redis.pcall('GETRANGE', key, 0, 46))
end`,
  both_here: `local function both_here(key, other)
redis.call('EXISTS', key, other)
end`,
  head_in: `local function head_in(index, id)
local head = head_of(session_key(id))
if not head or head == '' then both_here(index, session_key(id)) end
return head
end`,
  leave_index: `local function leave_index(key, record)
local index = index_of(key, record)
if index then redis.pcall('ZREM', index, id_of(key)) end
end`,
  write: `local function write(key, value, deadline)
redis.call('SET', key, value, 'PXAT', moment(deadline + slack))
end`,
  server_time: `local function server_time()
local time = redis.call('TIME')
return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end`,
  write_again: `local function write_again(key)
local left = redis.call('PTTL', key)
if left > 0 then redis.call('PEXPIREAT', key, moment(server_time() + left)) end
end`,
  outlive: `local function outlive(index, deadline)
local left = redis.call('PTTL', index)
if left == -2 then return end
local wanted = deadline + 2 * slack
if left == -1 or server_time() + left < wanted then redis.call('PEXPIREAT', index, moment(wanted)) end
end`,
  leaves_minute: `local function leaves_minute(before, deadline)
return math.ceil(deadline / slack) > math.ceil(before / slack)
end`,
  enlist: `local function enlist(index, id, deadline)
for _, other in ipairs(redis.call('ZRANDMEMBER', index, 2)) do
if redis.call('EXISTS', session_key(other)) == 0 then redis.call('ZREM', index, other) end
end
local newest = redis.call('ZREVRANGE', index, 0, 0, 'WITHSCORES')
redis.call('ZADD', index, (tonumber(newest[2]) or 0) + 1, id)
outlive(index, deadline)
end`,
  make_way: `local function make_way(key)
redis.call('PEXPIREAT', key, '9999999999999')
end`,
  finish: `local function finish(key, record, marker, keep_until)
make_way(key)
redis.call('SET', key, marker, 'PXAT', moment(keep_until + slack))
leave_index(key, record)
end`,
  live_sessions: `local function live_sessions(index, now, leaving)
local live = {}
for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
if id ~= leaving then
local head = head_in(index, id)
if any_kind_of(head) == 'record' and deadline_of(head) > now then live[#live + 1] = id end
end
end
return live
end`,
  evict: `local function evict(ids, count, marker, keep_until)
for at = 1, count do
local key = session_key(ids[at])
finish(key, head_of(key), marker, keep_until)
end
end`,
  admission: `local function admission(first, index, mark, leaving)
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
end`,
};

const scripts = {
  create: {
    needs:
      'prefix slack session_key id_of moment any_kind_of kind_of unless_odd version_of deadline_of owner_of index_of head_of both_here head_in leave_index write server_time outlive enlist make_way finish live_sessions evict admission',
    body: `local found = redis.call('GET', KEYS[1])
local kind = kind_of(found)
if kind == 'record' and version_of(found) == version_of(ARGV[1]) then return 'created' end
if kind ~= 'absent' then return 'exists' end
local refusal, leaving, count = admission(2, KEYS[2], KEYS[3])
if refusal then return refusal end
write(KEYS[1], ARGV[1], deadline_of(ARGV[1]))
if ARGV[8] ~= '1' then evict(leaving, count, ARGV[6], ARGV[7]) end
if KEYS[2] then enlist(KEYS[2], id_of(KEYS[1]), deadline_of(ARGV[1])) end
return 'created'`,
  },
  endByOwner: {
    needs:
      'prefix slack session_key id_of moment any_kind_of is_session unless_odd owner_of index_of head_of both_here head_in leave_index make_way finish',
    body: `local heads = {}
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
redis.pcall('ZREM', KEYS[1], id)
end
return ended`,
  },
  endReplaced: {
    needs: 'prefix slack id_of moment any_kind_of kind_of version_of owner_of index_of leave_index make_way finish',
    body: `local found = redis.call('GET', KEYS[1])
if kind_of(found) == 'record' then
if version_of(found) ~= ARGV[3] then return found end
finish(KEYS[1], found, ARGV[1], ARGV[2])
return 'ended'
end
if found and string.byte(found) == 4 and string.sub(found, 10, 36) == ARGV[4] then return 'ended' end
return 'gone'`,
  },
  end: {
    needs:
      'prefix slack id_of moment any_kind_of is_session unless_odd owner_of index_of head_of leave_index server_time write_again make_way finish',
    body: `local head = head_of(KEYS[1])
if any_kind_of(head) == 'absent' then return 'unknown' end
if is_session(head) then finish(KEYS[1], head, ARGV[1], ARGV[2])
elseif ARGV[3] == '1' then write_again(KEYS[1]) end
return 'ended'`,
  },
  evict: {
    needs:
      'prefix slack session_key id_of moment any_kind_of unless_odd deadline_of owner_of index_of head_of both_here head_in leave_index make_way finish live_sessions evict',
    body: `local live = live_sessions(KEYS[1], tonumber(ARGV[1]))
evict(live, #live - tonumber(ARGV[2]), ARGV[3], ARGV[4])
return 'evicted'`,
  },
  listByOwner: {
    needs: 'prefix session_key any_kind_of is_session unless_odd both_here',
    body: `local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
local value = unless_odd(redis.pcall('GET', session_key(id)))
if any_kind_of(value) == 'record' then
found[#found + 1] = id
found[#found + 1] = value
elseif not is_session(value) then
if not value then both_here(KEYS[1], session_key(id)) end
redis.call('ZREM', KEYS[1], id)
end
end
return found`,
  },
  replace: {
    needs:
      'prefix slack session_key id_of moment any_kind_of kind_of unless_odd version_of deadline_of owner_of index_of head_of both_here head_in leave_index write server_time outlive enlist make_way finish live_sessions evict admission',
    body: `local old = redis.call('GET', KEYS[1])
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
write(KEYS[2], ARGV[1], deadline_of(ARGV[1]))
finish(KEYS[1], old, ARGV[3], ARGV[4])
evict(leaving, count, ARGV[9], ARGV[10])
if KEYS[3] then enlist(KEYS[3], id_of(KEYS[2]), deadline_of(ARGV[1])) end
return 'replaced'`,
  },
  takeBack: {
    needs: 'prefix id_of any_kind_of kind_of unless_odd version_of owner_of index_of head_of leave_index',
    body: `local head = head_of(KEYS[1])
if kind_of(head) == 'record' and version_of(head) == ARGV[1] then
redis.call('DEL', KEYS[1])
leave_index(KEYS[1], head)
end
return 'taken-back'`,
  },
  touch: {
    needs:
      'prefix slack id_of moment any_kind_of kind_of unless_odd deadline_of owner_of index_of head_of both_here server_time outlive leaves_minute',
    body: `local head = head_of(KEYS[1])
if kind_of(head) ~= 'record' then return 'gone' end
local before, deadline = deadline_of(head), tonumber(ARGV[1])
if deadline > before then
local index = leaves_minute(before, deadline) and index_of(KEYS[1], head)
if index then both_here(KEYS[1], index) end
redis.call('PEXPIREAT', KEYS[1], moment(deadline + slack))
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
redis.call('SETRANGE', KEYS[1], 12, struct.pack('<d', deadline))
if index then outlive(index, deadline) end
end
return 'touched'`,
  },
  update: {
    needs:
      'prefix slack id_of moment any_kind_of kind_of unless_odd version_of deadline_of owner_of index_of head_of both_here write server_time outlive leaves_minute',
    body: `local head = head_of(KEYS[1])
if kind_of(head) ~= 'record' then return 'gone' end
local version = version_of(head)
if version == version_of(ARGV[1]) then return 'updated' end
if version ~= ARGV[2] then return redis.call('GET', KEYS[1]) end
local before, deadline, value = deadline_of(head), deadline_of(ARGV[1]), ARGV[1]
local owner = owner_of(head)
if owner or deadline < before then
deadline = math.max(before, deadline)
local form = string.sub(head, 1, 1)
value = form .. version_of(value) .. struct.pack('<d', deadline) .. (owner or '') .. string.sub(value, 21)
end
local index = owner and leaves_minute(before, deadline) and index_of(KEYS[1], head)
if index then both_here(KEYS[1], index) end
write(KEYS[1], value, deadline)
if index then outlive(index, deadline) end
return 'updated'`,
  },
} as const;

export type ScriptName = keyof typeof scripts;

export function sourceOf(name: ScriptName): string {
  const { needs, body } = scripts[name];
  return [...needs.split(' ').map((part) => shared[part]), body].join('\n');
}

export const scriptNames = Object.keys(scripts) as readonly ScriptName[];
