-- A list with holes, hooks with weights, a document of each kind of scalar.
local lib = require("_lib.lua")
local function job(name, hook, weight)
  local j = lib.object("batch/v1", "Job", name)
  j.metadata.annotations = { ["helm.sh/hook"] = hook, ["helm.sh/hook-weight"] = tostring(weight) }
  j.spec = { template = { spec = { restartPolicy = "Never" } } }
  return j
end
local scalars = {
  apiVersion = "v1", kind = "ConfigMap", metadata = { name = "scalars" },
  whole = 3, float = 3.0, half = Values.ratio, big = Values.big, sum = Values.big + 1, neg = -7,
  yes = true, no = false, nothing = null, text = "a: b\n", empty = "", list = aslist({}), map = {}, long = 1e21,
  note = tpl(Values.note, dot), number = "012", host = join(",", Values.hosts), nested = { list(), {}, null, { a = null } },
  kube = Capabilities.KubeVersion.Minor, has = Capabilities.APIVersions.Has("apps/v1"), template = Template.Name,
  region = Values.global.region, sub = Subcharts.db.Values.size, upper = ("x"):upper(),
}
return Values.hooks and { job("migrate", "pre-install,pre-upgrade", -5), null, job("check", "test", 0) } or null, scalars
