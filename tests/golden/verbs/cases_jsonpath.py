"""show values --jsonpath: kubectl's JSONPath templates."""
from run import LOGS, case

VALUES = """image:
  repository: nginx
  tag: "1.25"
a.b: dotted
x: {y: {z: deep}}
list: [10, 20, 30, 40, 50]
mixed: [1, two, null, true, 2.5, {k: v}, []]
big: 123456789
small: 0.5
huge: 1e21
neg: -7
yes: true
none: null
html: "<a&b>"
text: "two words"
single: {only: 1}
empty: {}
nolist: []
items:
- name: one
  size: 1
  tags: [a, b]
  ready: true
- name: two
  size: 2
  note: "it's"
- name: three
  size: 3
  ready: false
"""
FILES = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "chart/values.yaml": VALUES}
TEMPLATES = """
{.image.repository}
{.image.repository}:{.image.tag}
plain text
{}
{.}
{$}
{@}
{$.image.tag}
{@.image.tag}
{.image}
{.list}
{.list[0]}
{.list[-1]}
{.list[5]}
{.list[-6]}
{.list[1:3]}
{.list[:2]}
{.list[3:]}
{.list[-2:]}
{.list[:-1]}
{.list[::2]}
{.list[1:5:3]}
{.list[0:0]}
{.list[3:1]}
{.list[::0]}
{.list[::-1]}
{.list[*]}
{.list[0,2]}
{.list[0, 2]}
{.list[0,-1,9]}
{.list[a]}
{.list[1:2:3:4]}
{.list[-]}
{.list[99999999999999999999]}
{.list[1}
{.list
{.list[1]]}
{.image['tag']}
{.image['repository','tag']}
{['image']['tag']}
{['a.b']}
{['a\\.b']}
{.a\.b}
{.image["tag"]}
{.nothere}
{.image.nothere}
{.none}
{.none.x}
{.none[0]}
{.big} {.small} {.huge} {.neg} {.yes}
{.mixed}
{.mixed[*]}
{.mixed[2]}
{.html}
{.items[*].name}
{.items[*]['name','size']}
{.items[*].ready}
{.items[0].tags[*]}
{.single.*}
{.empty}
{.empty.*}
{.nolist}
{.nolist[*]}
{.nolist[0]}
{.text[0]}
{.text.*}
{.image[0]}
{..name}
{..z}
{..nothere}
{.x..z}
{....z}
{.. name}
{..[0]}
{.items[?(@.name=="two")].size}
{.items[?(@.name=='two')].size}
{.items[?(@.size==2)].name}
{.items[?(@.size>1.5)].name}
{.items[?(@.size>=2.0)].name}
{.items[?(@.size<2.5)].name}
{.items[?(@.size<=2.0)].name}
{.items[?(@.size!=2.0)].name}
{.items[?(@.name!="two")].name}
{.items[?(@.name>"one")].name}
{.items[?(@.ready==true)].name}
{.items[?(@.ready)].name}
{.items[?(@.note)].name}
{.items[?(@.note=="it's")].name}
{.items[?(@.note=='it\\'s')].name}
{.items[?(@.tags)].name}
{.items[?(@.tags[0]=="a")].name}
{.items[?(@.size=~2)].name}
{.items[?(@.size=2)].name}
{.items[?(@.size===2)].name}
{.items[?(==2)].name}
{.items[?(@.size==)].name}
{.items[?(@.size>@.other)].name}
{.items[?(@.name=="a)b")].name}
{.items[?(@.name=="two"]}
{.items[?(@.name=="two")}
{.items[?(@.tags[*]=="a")].name}
{.list[?(@>25.0)]}
{.list[?(@==20)]}
{.mixed[?(@.k)]}
{.image[?(@.tag)]}
{range .items[*]}{.name}={.size},{end}
{range .items[*]}{.name}{"\\n"}{end}done
{range .items[*]}[{range .tags[*]}{@}{end}]{end}
{range .list[*]}{@} {end}
{range .nolist[*]}{.x}{end}after
{range .nolist[*]}x{end}after
{range .items[?(@.size>1.5)]}{.name};{end}
{range .items}{.name}{end}
{range}{.image.tag}{end}
{range .list[*]}x
{end}
{range .list[*]}{end}{end}
{if .x}{end}
{unknown}
{true} {false}
{1} {-2} {1.5} {+3} {1.2.3} {-}
{"quoted"} {'single'}
{"a\\tb\\x41\\u00e9\\101\\\\\\""}
{'it\\'s'}
{"bad\\q"}
{"open}
{.image.tag}{"\\t"}{.image.repository}
{ .image.tag }
{.image .tag}
{.image.tag}}
{{.image.tag}}
{.image.tag}{
{(.image)}
{.image!}
{.image é}
{é}
{^}
{.image,tag}
{.text} and {.text}
{.items[0]['name']}{.items[1]["name"]}
{.list[0:2]}{.list[2]}
{.items[0:2].name}
{.items[:].size}
"""
for i, t in enumerate(TEMPLATES.strip("\n").split("\n")):
    t = t.replace("\\\\", "\\")
    case(f"jsonpath/{i} {t}", FILES, "show values chart --jsonpath " + "'" + t.replace("'", "'\"'\"'") + "'",
         differs=LOGS if i else None)
case("jsonpath/newline", FILES, "show values chart --jsonpath '{.image\n}'")
case("jsonpath/empty", FILES, "show values chart --jsonpath ''")
case("jsonpath/no-values", {"chart/Chart.yaml": FILES["chart/Chart.yaml"]}, "show values chart --jsonpath '{.a}'")
case("jsonpath/empty-values", {**FILES, "chart/values.yaml": ""}, "show values chart --jsonpath '{.a}'", differs=LOGS)
case("jsonpath/chart", FILES, "show chart chart --jsonpath '{.a}'")
