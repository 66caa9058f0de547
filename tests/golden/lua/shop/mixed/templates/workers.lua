local lib = require "_lib"
local name = include("shop.fullname", dot)

local function env()
  local list_ = list()
  for k, v in pairs(Values.env) do
    list_[#list_ + 1] = { name = k, value = v }
  end
  return list_
end

local docs = {}
local seen = 0
for _, w in ipairs(Values.workers) do
  if w.replicas > 0 then
    local d = lib.object("apps/v1", "Deployment", name .. "-" .. w.name)
    d.spec = {
      replicas = w.replicas,
      selector = { matchLabels = lib.selector(dot) },
      template = {
        metadata = { annotations = { ["checksum/conf"] = sha256sum(Files.Get("app.conf")) }, labels = lib.labels(dot) },
        spec = {
          containers = { {
            name = w.name,
            image = printf("%s:%s", Values.image.repository, default(Chart.AppVersion, Values.image.tag)),
            args = w.args or list(),
            env = env(),
            resources = {},
          } },
          tolerations = Values.tolerations,
          nodeSelector = Values.nodeSelector,
        },
      },
    }
    docs[#docs + 1] = d
    seen = seen + 1
  end
end
Values.seen = seen
return docs
