-- Payments for wrk: every request has a fresh idempotency key, its merchant by turns. Every answer's status and payment
-- id goes to a file, one line each, so that the journal can be compared with what was answered. One thread only.
--   wrk -t1 … -s wrk.lua URL -- <prefix of keys> <file of answers> <file of API keys, a line each> [<requests per second>]
-- With a rate, requests are due at even intervals, whichever connection is free; what is late is sent at once, and none is
-- left out. Latencies then begin when a request is sent.

local heads = {}
local body = '{"amount":4999,"currency":"eur","payment_method":"pm_card_visa","merchant_reference":"order-1"}'
local tail = "\r\n\r\n" .. body
local counter = 0
local prefix, answers

-- wrk's own clock is out of reach of a script
local function monotonicClock()
  local ffi = require("ffi")
  ffi.cdef("typedef struct { long seconds; long nanoseconds; } moment; int clock_gettime(int clock, moment *now);")
  local moment, monotonic = ffi.new("moment"), 1
  return function()
    ffi.C.clock_gettime(monotonic, moment)
    return tonumber(moment.seconds) * 1000 + tonumber(moment.nanoseconds) / 1e6
  end
end

-- wrk asks before each request how many milliseconds to wait, if delay() is there once init() has run
local function pace(intervalMs)
  local nowMs = monotonicClock()
  local due = nowMs()
  function delay()
    due = due + intervalMs
    return math.max(0, math.floor(due - nowMs() + 0.5))
  end
end

function init(args)
  prefix = args[1]
  answers = assert(io.open(args[2], "w"))
  answers:setvbuf("full", 65536)
  if args[4] then pace(1000 / tonumber(args[4])) end
  for key in io.lines(args[3]) do
    heads[#heads + 1] = "POST /v1/payments HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nAuthorization: Bearer " .. key
      .. "\r\nContent-Type: application/json\r\nContent-Length: " .. #body .. "\r\nIdempotency-Key: "
  end
end

function request()
  counter = counter + 1
  return heads[counter % #heads + 1] .. prefix .. counter .. tail
end

function response(status, _, text)
  answers:write(status, " ", string.match(text, '"id":"(pay_%w+)"') or string.match(text, '"code":"([%w_]+)"') or "-", "\n")
end

function done(summary, latency)
  local function ms(share) return latency:percentile(share) / 1000 end
  io.write(string.format(
    'JSON {"seconds":%.6f,"requests":%d,"errors":%d,"p50":%.4f,"p99":%.4f,"p999":%.4f}\n',
    summary.duration / 1e6, summary.requests,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    ms(50), ms(99), ms(99.9)))
end
