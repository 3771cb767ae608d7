-- wrk: posts one body from a file, keeps every different answer, and writes one line of JSON and the answers to a file.
-- Environment: WRK_BODY, WRK_OUT.
local file = assert(io.open(os.getenv("WRK_BODY"), "rb"))
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["content-type"] = "application/json"
file:close()

local threads = {}
function setup(thread) table.insert(threads, thread) end

function init()
  seen, answers = {}, ""
  request_text = wrk.format()
end

function request() return request_text end

function response(status, headers, body)
  if status == 200 and not seen[body] then
    seen[body] = true
    answers = answers .. #body .. "\n" .. body
  end
end

function done(summary, latency)
  local errors, histogram = summary.errors, {}
  for i = 1, #latency do
    local value, count = latency(i)
    histogram[i] = string.format("[%d,%d]", value, count)
  end
  local out = assert(io.open(os.getenv("WRK_OUT"), "wb"))
  out:write(string.format(
    '{"requests":%d,"us":%d,"failed":%d,"histogram":[%s]}\n', summary.requests, summary.duration,
    errors.status, table.concat(histogram, ",")))
  for _, thread in ipairs(threads) do out:write(thread:get("answers")) end
  out:close()
end
