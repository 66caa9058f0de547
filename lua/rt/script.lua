-- Lua templates: what runs around the functions that people write. The arguments are the engine's.
local put_documents, put_text, wrap, require_enter, require_leave = ...

-- The body of a file.
local function file(main)
  return function() put_documents(main()) end
end

-- The body of a named template.
local function named(fn)
  return function(dot) put_text(fn(wrap(dot))) end
end

-- A partial of the same chart as a module, for the file of that number: run once, then remembered.
local function require_of(own)
  return function(name)
    local main, done = require_enter(own, name)
    if not main then return done end
    return require_leave(own, name, (main()))
  end
end

-- Lua's own sort picks its pivots by the clock and keeps no order among equals: this one is stable and the same everywhere.
local function sort(t, less)
  less = less or function(a, b) return a < b end
  local n, from, width = #t, {}, 1
  for i = 1, n do from[i] = t[i] end
  while width < n do
    local to = {}
    for lo = 1, n, 2 * width do
      local mid, hi = lo + width, lo + 2 * width
      if mid > n + 1 then mid = n + 1 end
      if hi > n + 1 then hi = n + 1 end
      local a, b = lo, mid
      for k = lo, hi - 1 do
        if a < mid and (b >= hi or not less(from[b], from[a])) then
          to[k] = from[a]
          a = a + 1
        else
          to[k] = from[b]
          b = b + 1
        end
      end
    end
    from = to
    width = 2 * width
  end
  for i = 1, n do t[i] = from[i] end
end

return file, named, require_of, sort
