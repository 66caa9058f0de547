-- Calls of templates. Each *_enter finds the template, opens a place for its output and gives its function and
-- its data; each *_leave closes it, and gives what was printed as a value where that is wanted.
local include_enter, include_leave = include_enter, include_leave
local tpl_enter, tpl_leave = tpl_enter, tpl_leave
local template_enter, template_leave = template_enter, template_leave

function include(...)
  local body, dot = include_enter(...)
  body(dot)
  return include_leave()
end

-- A text without an action has no function to run and is its own result.
function tpl(...)
  local body, dot = tpl_enter(...)
  if not body then return dot end
  body(dot)
  return tpl_leave()
end

function template(...)
  local body, dot = template_enter(...)
  body(dot)
  template_leave()
end

-- The same for Lua templates, which name what they call: a frame of a template is a call of one of this file's functions,
-- and error texts count them.
function script_calls(enter_include, leave_include, enter_tpl, leave_tpl)
  local function include(...)
    local body, dot = enter_include(...)
    body(dot)
    return leave_include()
  end
  local function tpl(...)
    local body, dot = enter_tpl(...)
    if not body then return dot end
    body(dot)
    return leave_tpl()
  end
  return include, tpl
end
