-- Requests for wrk: init reads the file that load.ts wrote (method, path, headers, cookies, draws), request() deals them
-- out in the drawn order, done() prints one line that load.ts reads.
local requests, draws, at = {}, {}, 0

function init(args)
  local file = assert(io.open(args[1], "r"))
  local method = file:read("*l")
  local path = file:read("*l")
  local headers = {}
  for _ = 1, tonumber(file:read("*l")) do
    local name, value = file:read("*l"):match("^([^:]+): (.*)$")
    headers[name] = value
  end
  local cookies = tonumber(file:read("*l"))
  for i = 1, cookies do
    headers["Cookie"] = file:read("*l")
    requests[i] = wrk.format(method, path, headers)
  end
  if cookies == 0 then
    requests[1] = wrk.format(method, path, headers)
  end
  for line in file:lines() do
    draws[#draws + 1] = tonumber(line) + 1
  end
  file:close()
  io.stderr:write("ready\n")
end

function request()
  at = at % #draws + 1
  return requests[draws[at]]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"requests":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"non2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
