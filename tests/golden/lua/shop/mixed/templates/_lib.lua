-- Named templates and helpers of the chart, some for Go templates, some for Lua.
local M = {}

function M.selector(dot)
  return {
    ["app.kubernetes.io/instance"] = dot.Release.Name,
    ["app.kubernetes.io/name"] = dot.Chart.Name,
  }
end

function M.labels(dot)
  local t = M.selector(dot)
  t["helm.sh/chart"] = include("shop.chart", dot)
  t["app.kubernetes.io/version"] = dot.Chart.AppVersion
  return t
end

function M.object(apiVersion, kind, name)
  return {
    apiVersion = apiVersion,
    kind = kind,
    metadata = { name = name, labels = M.labels(dot) },
  }
end

define("shop.labels", M.labels)
define("shop.selector", M.selector)
define("shop.prefix", function(dot) return lower(dot.Release.Name) end)
define("shop.portName", function(dot) return "p" .. dot.i end)
return M
