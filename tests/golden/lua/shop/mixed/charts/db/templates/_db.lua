define("shop.claim", function(c)
  return {
    apiVersion = "v1", kind = "PersistentVolumeClaim",
    metadata = { name = c.name, labels = { region = c.region } },
    spec = { resources = { requests = { storage = c.size } } },
  }
end)
