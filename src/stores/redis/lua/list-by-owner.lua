-- Every session of an owner, in order of creation. Entries whose session has expired leave the index.
--
-- KEYS  1 the owner's index
-- Returns id, record, id, record, ...

local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local value = unless_odd(redis.pcall('GET', session_key(id)))
  if kind_of(value) == 'record' then
    found[#found + 1] = id
    found[#found + 1] = value
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return found
