"""What runs inside Redis: each script is one step that nothing comes between, by the server's own clock.

A bucket is text, ``level/at/drain/cost``: how many ticks of it are used, as of which microsecond, how many ticks a
microsecond gives back, and how many a unit takes. Whole numbers below 2^53 are exact in Lua. What is read back is
checked; a bucket that makes no sense counts as full, so that nothing can be gained by spoiling it.

Places in flight are a hash of each scope: how many by process. Those of a process that has not given a sign of life
for the length of the lease are not counted.
"""

COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
local function level_of(key, drain, cost, burst)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'table' then return burst end
  if not raw then return 0 end
  local level, at, old_drain, old_cost = string.match(raw, '^(%d+)/(%d+)/(%d+)/(%d+)$')
  if not level then return burst end
  level, at, old_drain, old_cost = tonumber(level), tonumber(at), tonumber(old_drain), tonumber(old_cost)
  if old_drain == 0 or old_cost == 0 then return burst end
  if now > at then level = math.max(level - (now - at) * old_drain, 0) end
  if old_drain ~= drain or old_cost ~= cost then level = math.ceil(level / old_cost * cost) end
  return math.min(level, 2 * burst)
end
local function keep(key, level, drain, cost)
  if level <= 0 then redis.call('DEL', key) return end
  local text = string.format('%.0f/%.0f/%.0f/%.0f', level, now, drain, cost)
  redis.call('SET', key, text, 'PX', string.format('%.0f', math.ceil(level / drain / 1000) + 1000))
end
"""

TAKE = (
    COMMON
    + """
local owner, lease, claims, places = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function lent_of(key)
  local all = redis.pcall('HGETALL', key)
  if all.err then redis.call('DEL', key) return 0 end
  local lent = 0
  for i = 1, #all, 2 do
    local seen = redis.call('ZSCORE', KEYS[2], all[i])
    if seen and tonumber(seen) > now - lease then
      lent = lent + math.max(tonumber(all[i + 1]) or 0, 0)
    else
      redis.call('HDEL', key, all[i])
    end
  end
  return lent
end
local lent = {}
for i = 1, places do
  lent[i] = lent_of(KEYS[2 + claims + i])
  if lent[i] >= tonumber(ARGV[5 + claims * 5 + i * 2 - 1]) then return {0, claims + i - 1, 0} end
end
local level = {}
for i = 1, claims do
  local at = 5 + (i - 1) * 5
  local drain, cost, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  level[i] = level_of(KEYS[2 + i], drain, cost, burst)
  if level[i] + tonumber(ARGV[at + 4]) * cost > burst then return {0, i - 1, level[i]} end
end
local answer = {1}
for i = 1, claims do
  local at = 5 + (i - 1) * 5
  local drain, cost, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local units = math.min(tonumber(ARGV[at + 5]), math.floor((burst - level[i]) / cost))
  units = math.max(tonumber(ARGV[at + 4]), units)
  level[i] = level[i] + units * cost
  keep(KEYS[2 + i], level[i], drain, cost)
  answer[#answer + 1] = units
  answer[#answer + 1] = level[i]
end
for i = 1, places do
  local at = 5 + claims * 5 + i * 2
  local found = math.min(tonumber(ARGV[at]), tonumber(ARGV[at - 1]) - lent[i])
  redis.call('HINCRBY', KEYS[2 + claims + i], owner, found)
  redis.call('EXPIRE', KEYS[2 + claims + i], 86400)
  answer[#answer + 1] = found
end
return answer
"""
)
"""KEYS: epoch, processes, a bucket per claim, a hash per place.

ARGV: epoch, owner, lease in microseconds, numbers of claims and places; drain, cost, burst, need and most of each
claim; cap and most of each place. Answers 1, units and level of each claim, and places; or 0, which was short (counted
from 0, places after claims) and its level; or -1 where the epoch is another one.
"""

GIVE = (
    COMMON
    + """
local owner, units, places = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
for i = 1, units do
  local at = 4 + (i - 1) * 4
  local drain, cost, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local level = level_of(KEYS[1 + i], drain, cost, burst) - tonumber(ARGV[at + 4]) * cost
  keep(KEYS[1 + i], level, drain, cost)
end
for i = 1, places do
  local key = KEYS[1 + units + i]
  if redis.call('HINCRBY', key, owner, -tonumber(ARGV[4 + units * 4 + i])) <= 0 then redis.call('HDEL', key, owner) end
end
return {1}
"""
)
"""KEYS: epoch, a bucket per rate, a hash per place. ARGV: epoch, owner, numbers of rates and places; drain, cost, burst
and returned units of each rate; the number of each place. Answers 1, or -1 where the epoch is another one."""

BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('SET', KEYS[1], ARGV[1], 'NX')
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now - tonumber(ARGV[3])))
local new = redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[2])
return {redis.call('GET', KEYS[1]), redis.call('ZCARD', KEYS[2]), new}
"""
"""KEYS: epoch, processes. ARGV: an epoch to begin where there is none, owner, lease in microseconds.

Answers the epoch, how many processes there are, and 1 where this one was not among them."""
