-- Every session of an owner, in order of creation. Entries whose session has expired leave the index; what a newer release
-- wrote is passed over.
--
-- KEYS  1 the owner's index
-- Returns id, record, id, record, ...

local found = {}
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
return found
