return fromYaml(include("shop.claim", dict("name", Release.Name .. "-db", "size", Values.size, "region", Values.global.region)))
