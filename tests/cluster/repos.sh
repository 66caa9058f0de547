#!/usr/bin/env bash
# repo and pull beside the real Helm: the same commands, each tool on a home of its own, give the same output, exit code and
# files; then both go on with the home of the other.
set -u
umask 006 # the modes of some files do not depend on it
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
h=${HC_BUILD:?}/bin/helmctl
chart=${HC_SHARED:-$root/../shared}/charts/podinfo-6.14.1.tgz
"$root/tests/peers/build.sh" helm4 helm4-many || { echo "SKIP: the real Helm cannot be built here"; exit 77; }
peers=$("$root/tests/peers/build.sh" --dir) helm=helm4
work=$(mktemp -d) dir=$work
. "$here/lib/helm4.sh"
SERVERS=$work/servers
mkdir -p "$SERVERS" "$work/theirs" "$work/ours"
. "$root/deploy/examples/servers.sh"
trap 'helm4_stop; servers_stop; rm -rf "$work"' EXIT
unset HELM_NAMESPACE HELM_REPOSITORY_CACHE HELM_REPOSITORY_CONFIG HELM_CONTENT_CACHE HELM_CACHE_HOME HELM_CONFIG_HOME
export PATH=$PATH:/usr/sbin
helm4_start
nginx_start || { echo "SKIP: nginx"; exit 77; }
url=http://127.0.0.1:$HTTP_PORT/charts
failed=0 done=0
bad() { echo "FAIL: $*"; failed=1; }

"$h" create "$work/web" >/dev/null && "$h" package "$work/web" -d "$SERVERS/www/charts" >/dev/null || bad "no chart"
if [ -f "$chart" ]; then cp "$chart" "$SERVERS/www/charts/"; fi
"$helm" repo index "$SERVERS/www/charts" || bad "no index"
mkdir "$SERVERS/www/charts/broken"
printf 'entries: [\n' >"$SERVERS/www/charts/broken/index.yaml"

run() { # TOOL HOME WORD...
    local tool=$1 home=$2
    shift 2
    (cd "$work/$home" && HOME=$work/$home "$tool" "$@" >"$work/$home.out" 2>"$work/$home.err")
    echo "exit $?" >>"$work/$home.out"
}
both() { # WORD...: equal output, exit code, and what is left in the folder; errors are compared by how they begin
    done=$((done + 1))
    run "$helm" theirs "$@"
    run "$h" ours "$@"
    if [ "${2:-}" = update ]; then # the real Helm tells them as they come
        sort -o "$work/theirs.out" "$work/theirs.out"
        sort -o "$work/ours.out" "$work/ours.out"
    fi
    sed -i "s|$work/ours/|$work/theirs/|" "$work/ours.out"
    cmp -s "$work/theirs.out" "$work/ours.out" || { bad "$*: stdout"; diff "$work/theirs.out" "$work/ours.out"; }
    local theirs ours
    theirs=$(head -1 "$work/theirs.err" | sed 's/^time=[^ ]* //; s/"helm repo/"helmctl repo/; s/"helm pull/"helmctl pull/')
    ours=$(head -1 "$work/ours.err")
    theirs=${theirs::${begin:-60}} ours=${ours::${begin:-60}}
    [ "$theirs" = "$ours" ] || { bad "$*: stderr"; echo "< $theirs"; echo "> $ours"; }
}
sums() { (cd "$work/$1" && find . -type f ! -name '*.chart' ! -name '*charts.txt' | sort | xargs -d '\n' sha256sum); }
packed() { tar --full-time -tvzf "$1" | sort && tar -xOzf "$1" | sort; } # Helm's order of sub-charts is random
same_files() {
    # the hour of a lock is SOURCE_DATE_EPOCH's in ours alone
    find "$work/theirs" "$work/ours" -name Chart.lock -exec sed -i 's/^generated: .*/generated: "2020-01-01T00:00:00Z"/' {} +
    sums theirs >"$work/theirs.sums"
    sums ours >"$work/ours.sums"
    # what both packed themselves: the headers of gzip and tar differ, what is in there does not
    local f
    while IFS= read -r f; do
        cmp -s <(packed "$work/theirs/$f") <(packed "$work/ours/$f") && sed -i "\|  $f\$|d" "$work/theirs.sums" "$work/ours.sums"
    done < <(diff "$work/theirs.sums" "$work/ours.sums" | sed -n 's/^< [0-9a-f]*  \(.*\.tgz\)$/\1/p')
    diff "$work/theirs.sums" "$work/ours.sums" || bad "files after: $1"
    diff <(cat "$work"/theirs/.cache/helm/repository/*charts.txt 2>/dev/null | sort) <(cat "$work"/ours/.cache/helm/repository/*charts.txt 2>/dev/null | sort) || bad "names of charts after: $1"
    diff <(cd "$work/theirs" && find . \( -name 'repositories.*' -o -name '*.tgz' -o -name index.yaml -o -name '*charts.txt' \) ! -path '*/content/*' -type f -printf '%m %p\n' | sort) <(cd "$work/ours" && find . \( -name 'repositories.*' -o -name '*.tgz' -o -name index.yaml -o -name '*charts.txt' \) ! -path '*/content/*' -type f -printf '%m %p\n' | sort) || bad "modes after: $1"
}

both repo list
both repo list -o json
both repo list -o yaml
both repo list -o xml
both repo list more
both repo update
both repo remove x
both repo add a/b "$url"
begin=30 both repo add
both repo add one "$url"
both repo add one "$url"
both repo add one "$url/other"
begin=40 both repo add two "$url/none"
begin=40 both repo add two "$url/broken"
both repo add two ftp://example.com
both repo add three "$url" --username ann --password secret --pass-credentials
both repo add three "$url" --force-update
both repo list
both repo list --no-headers
both repo list -o json
both repo list -o yaml
both repo update one
both repo update nope
same_files "repo add"
both pull one/web
both pull one/web -d .
both pull one/web --version '>=0.1.0'
both pull web --repo "$url" --untar --untardir here
both pull web --repo "$url" --untar --untardir here
both pull one/web --untar
both pull "$url/web-0.1.0.tgz" --untar --untardir there
both pull "$url/web-0.1.0.tgz#part" -d .
# an archive whose folder has another name than the chart, with modes of its own
mkdir -p "$work/v1.0-src/templates" && printf 'apiVersion: v2\nname: srv\nversion: 1.0.0\n' >"$work/v1.0-src/Chart.yaml" && echo '#!/bin/sh' >"$work/v1.0-src/run.sh"
chmod 755 "$work/v1.0-src/run.sh"
tar -C "$work" -czf "$SERVERS/www/charts/src.tgz" v1.0-src
both pull "$url/src.tgz" --untar --untardir src
[ "$(cd "$work/theirs/src/srv" && find . -type f -printf '%p %m\n' | sort)" = "$(cd "$work/ours/src/srv" && find . -type f -printf '%p %m\n' | sort)" ] || bad "modes of what is unpacked"
rm "$SERVERS/www/charts/src.tgz"
both pull one/web --version v0.1.0
both pull one/web --version 0.1.0
both repo add '' "$url"
both search repo web
same_files "a repository of no name"
both repo remove ''
begin=22 both pull one/web -d nowhere
begin=50 both pull one/web --version 99
begin=30 both pull one/nothing
begin=26 both pull nope/web
begin=60 both pull web
begin=30 both pull
[ ! -f "$chart" ] || both pull one/podinfo one/web -d here
same_files "pull"
both repo remove nope
both repo remove three
same_files "repo remove"

# Indexes. What differs between two runs of one tool is the hour.
for t in theirs ours; do
    mkdir -p "$work/$t/served/sub" "$work/$t/served/deeper/down"
    for v in 1.2.0 1.10.0 2.0.0-rc.1 1.2.0+b1; do
        printf 'apiVersion: v2\nname: many\nversion: %s\ndescription: "a & <b>"\nkeywords: [x, y]\nmaintainers: [{name: ann}]\nannotations: {k: "1"}\n' "$v" >"$work/part.yaml"
        mkdir -p "$work/many" && cp "$work/part.yaml" "$work/many/Chart.yaml"
        [ -f "$work/many-$v.tgz" ] || "$h" package "$work/many" -d "$work" >/dev/null
        cp "$work/many-$v.tgz" "$work/$t/served/"
    done
    cp "$SERVERS/www/charts/web-0.1.0.tgz" "$work/$t/served/sub/web 0.1.0.tgz"
    cp "$SERVERS/www/charts/web-0.1.0.tgz" "$work/$t/served/deeper/down/"
    mkdir "$work/$t/served/süb 2%"
    cp "$SERVERS/www/charts/web-0.1.0.tgz" "$work/$t/served/süb 2%/"
    echo none >"$work/$t/served/none.tgz"
    cat >"$work/$t/other.yaml" <<'INDEX'
apiVersion: v1
generated: "2020-01-01T00:00:00Z"
entries:
  many:
  - {name: many, version: 1.2.0, urls: [old.tgz]}
  - {name: many, version: 0.9.0, urls: [kept.tgz], created: "2020-01-01T00:00:00Z", digest: abc}
  gone: [{name: gone, version: 3.0.0, apiVersion: v2, urls: [gone.tgz], deprecated: true}]
INDEX
done
hours() { sed -i -E 's/"?20[2-9][0-9]-[0-9T:.-]+Z"?/HOUR/' "$work"/{theirs,ours}/served/index.yaml; }
index() { # WORD...
    both repo index "$@"
    hours
    diff "$work/theirs/served/index.yaml" "$work/ours/served/index.yaml" >"$work/diff" || { bad "repo index $*"; head -20 "$work/diff"; }
}
index served
index served --url http://example.com/charts
index served --url 'http://example.com/a/../b/?q=1'
index served --url 'http://example.com/a b/%20/ü'
index served --url '../x y'
index served --url http://example.com/charts/ --merge other.yaml
index served --json --merge other.yaml
both repo index served --merge fresh.yaml
for text in 'entries: {}' '' 'a: [' 'apiVersion: v1
nonsense: 1' 'apiVersion: v1
entries: {x: [{version: 1.0.0, odd: 1}]}'; do
    printf '%s\n' "$text" | tee "$work/theirs/other.yaml" >"$work/ours/other.yaml"
    begin=90 both repo index served --merge other.yaml
done
both repo index served --merge served/none.tgz
begin=30 both repo index
begin=12 both repo index nowhere
rm -f "$work"/*/fresh.yaml "$work"/*/served/index.yaml

# Searches: "wide" has charts in every order, with keywords and pre-releases.
mkdir -p "$SERVERS/www/wide" "$SERVERS/www/api/chartsvc/v1/charts"
cat >"$SERVERS/www/wide/index.yaml" <<'INDEX'
apiVersion: v1
entries:
  zoo: [{name: zoo, version: 0.1.0, appVersion: "1", description: keeps the web of animals apart, urls: [z.tgz], keywords: [cage, Lion]}]
  web:
  - {name: web, version: 1.0.0, description: old, urls: [w.tgz]}
  - {name: web, version: 2.0.0-rc.1, description: new and with a description that is longer than fifty columns wide, urls: [w.tgz]}
  - {name: web, version: 1.10.0, appVersion: v2, description: "ten: ä ö", urls: [w.tgz]}
  beta: [{name: beta, version: 0.1.0-beta, description: only a pre-release, urls: [b.tgz]}]
  none: []
  odd: [{name: odd, version: 1.0.0, appVersion: "1\n2", description: "two\nlines, \e[31mred\u200b", urls: [o.tgz]}]
INDEX
# addresses that are no addresses yet: spaces and other alphabets, those of another host, names that are written by bytes
mkdir -p "$SERVERS/www/far away" && cp "$SERVERS/www/charts/web-0.1.0.tgz" "$SERVERS/www/far away/wéb 1.tgz"
cat >>"$SERVERS/www/wide/index.yaml" <<INDEX
  far:
  - {name: far, version: 1.0.0, urls: ["../far away/wéb 1.tgz"]}
  - {name: far, version: 2.0.0, urls: ["/far%20away/w%C3%A9b%201.tgz"]}
  - {name: far, version: 3.0.0, urls: ["//127.0.0.1:$HTTP_PORT/far away/wéb 1.tgz?a=b#c"]}
  - {name: far, version: 4.0.0, urls: ["http://127.0.0.1:$HTTP_PORT/charts/%2e%2e/far away%2fwéb 1.tgz"]}
INDEX
both repo add wide "http://127.0.0.1:$HTTP_PORT/wide"
for v in 1 2 3 4; do
    both pull wide/far --version $v.0.0
    [ "$(cd "$work/theirs" && ls -- *.tgz)" = "$(cd "$work/ours" && ls -- *.tgz)" ] || bad "the name of an archive, far $v"
done
both search repo wide
both search repo wide/web -l
both search repo 'two lines' -o json
both search repo web --devel
both search repo web --version '^1' --versions -o json
both search repo lion -o yaml
both search repo 'WEB OF'
both search repo 'w.b|lion' --regexp
both search repo '[' --regexp
both search repo nothing-like-it
both search repo nothing-like-it -o json
both search repo nothing-like-it --fail-on-no-result
both search repo wide --max-col-width 12
both search repo wide --max-col-width -1
begin=30 both search repo web --version 'x.y.z.'
cat >"$SERVERS/www/api/chartsvc/v1/charts/search" <<'HUB'
{"data":[{"id":"stable/web","artifactHub":{"packageUrl":"https://hub/packages/web"},"attributes":{"name":"web","description":"a web","repo":{"name":"stable","url":"https://charts"}},
"relationships":{"latestChartVersion":{"data":{"version":"1.0.0","app_version":"2"}}}},{"id":"other/x","attributes":{"description":"","repo":{}},"relationships":{}}]}
HUB
both search hub web --endpoint "http://127.0.0.1:$HTTP_PORT"
both search hub web --endpoint "http://127.0.0.1:$HTTP_PORT" --list-repo-url -o json
both search hub --endpoint "http://127.0.0.1:$HTTP_PORT" --list-repo-url
begin=60 both search hub web --endpoint "http://127.0.0.1:$HTTP_PORT/none"
both repo remove wide

# Lists that people write by hand: scalars are texts, names of fields are taken in any case; what is no list is left alone.
for t in theirs ours; do cp "$work/$t/.config/helm/repositories.yaml" "$work/$t.kept"; done
hand() { printf "$@" | tee "$work/theirs/.config/helm/repositories.yaml" >"$work/ours/.config/helm/repositories.yaml"; }
hand 'repositories:\n- {name: 7, Url: %s, password: 12345, userName: ann, extra: {a: 1}, pass_credentials_all: true}\n' "$url"
both repo list
both repo add eight "$url"
same_files "a list by hand"
# kept elsewhere, and readable to a group
for t in theirs ours; do
    mkdir "$work/$t/dot" && mv "$work/$t/.config/helm/repositories.yaml" "$work/$t/dot/list" && chmod 640 "$work/$t/dot/list"
    ln -s ../../dot/list "$work/$t/.config/helm/repositories.yaml"
done
both repo add nine "$url"
both repo remove nine
for t in theirs ours; do
    [ "$(stat -c %a%F "$work/$t/dot/list" "$work/$t/.config/helm/repositories.yaml" | xargs)" = '640regular file 777symbolic link' ] || bad "a link, $t"
    rm "$work/$t/.config/helm/repositories.yaml" && mv "$work/$t/dot/list" "$work/$t/.config/helm/repositories.yaml"
done
same_files "a list behind a link"
for text in 'repositories: {one: {}}\n' 'one\n' 'repositories: [one]\n' 'repositories: [{name: [one]}]\n'; do
    hand "$text"
    begin=6 both repo add eight "$url"
done
same_files "lists of other shapes"
for t in theirs ours; do ln -sf repositories.yaml "$work/$t/.config/helm/repositories.yaml"; done # which cannot be opened
begin=6 both search repo
begin=6 both pull one/web
begin=6 both dependency update nowhere
for t in theirs ours; do cp --remove-destination "$work/$t.kept" "$work/$t/.config/helm/repositories.yaml"; rm -f "$work/$t"/.cache/helm/repository/eight-*; done

# Dependencies from folders, repositories and registries. Both tools pack in the same hour.
export SOURCE_DATE_EPOCH=1700000000
registry_start || { echo "SKIP: docker-registry"; exit 77; }
oci=oci://127.0.0.1:$REGISTRY_PORT/charts
for v in 0.1.0 0.2.0 0.3.0-rc.1; do
    mkdir -p "$work/part"
    printf 'apiVersion: v2\nname: part\nversion: %s\n' "$v" >"$work/part/Chart.yaml"
    "$h" package "$work/part" -d "$work" >/dev/null
    # of two repositories that hold a chart of one name Helm asks one for both
    sed 's/part/side/' "$work/part/Chart.yaml" >"$work/side.yaml" && mkdir -p "$work/side" && mv "$work/side.yaml" "$work/side/Chart.yaml"
    "$h" package "$work/side" -d "$work" >/dev/null
    "$helm" push "$work/side-$v.tgz" "$oci" --plain-http >/dev/null 2>&1 || bad "push"
    "$h" package "$work/part" -d "$SERVERS/www/charts" >/dev/null
done
"$helm" repo index "$SERVERS/www/charts"
app() { # NAME DEPENDENCIES...: a chart in both homes
    local t name=$1 d
    shift
    for t in theirs ours; do
        rm -rf "${work:?}/$t/$name"
        mkdir -p "$work/$t/$name/charts" "$work/$t/near"
        printf 'apiVersion: v2\nname: near\nversion: 0.5.0\n' >"$work/$t/near/Chart.yaml"
        printf 'apiVersion: v2\nname: %s\nversion: 1.0.0\ndependencies:\n' "$name" >"$work/$t/$name/Chart.yaml"
        for d in "$@"; do echo "- {$d}" >>"$work/$t/$name/Chart.yaml"; done
    done
}
app app "name: near, version: 0.x, repository: 'file://../near'" "name: part, version: '>=0.1.0-0', repository: '@one', alias: front" \
    "name: part, version: '>=0.1.0-0', repository: '@one', alias: back" "name: side, version: ~0.1.0, repository: $oci, alias: rear"
cp "$work/part-0.2.0.tgz" "$work/theirs/app/charts/old-0.2.0.tgz" && cp "$work/part-0.2.0.tgz" "$work/ours/app/charts/old-0.2.0.tgz"
both dependency update app --plain-http
grep -q '^exit 0' "$work/theirs.out" || bad "dependency update does nothing"
same_files "dependency update"
both dependency build app --plain-http --skip-refresh
both dependency list app
both dependency update app --plain-http --skip-refresh
sed -i 's/0\.x/0.5.x/' "$work/theirs/app/Chart.yaml" "$work/ours/app/Chart.yaml"
both dependency build app --plain-http --skip-refresh
same_files "dependency build"
app lone "name: web, version: '*', repository: '$url/'" "name: part, version: 0.2.0, repository: alias:one"
both dependency build lone
both dependency build lone --skip-refresh
same_files "dependency build of a chart without a lock"
app none "name: part, version: 9.x, repository: '@one'" "name: web, version: 9.x, repository: '@one'"
both dependency update none --skip-refresh
app nobody "name: part, version: 1.x, repository: '@nobody'" "name: web, version: 1.x, repository: stable"
begin=90 both dependency update nobody --skip-refresh
app elsewhere "name: part, version: 0.1.0, repository: 'http://127.0.0.1:$HTTP_PORT/charts/../charts'"
both dependency update elsewhere --skip-refresh
app far "name: near, version: 9.x, repository: 'file://../near'"
both dependency update far --skip-refresh
app tag "name: side, version: 9.x, repository: $oci"
run "$h" ours dependency update tag --plain-http --skip-refresh
grep -q 'could not locate a version matching provided version string 9.x' "$work/ours.err" || bad "no such tag: $(cat "$work/ours.err")"
run "$helm" theirs dependency update tag --plain-http --skip-refresh
# a lock of Helm 2's time that fits no more
for t in theirs ours; do
    mkdir -p "$work/$t/two" && printf 'apiVersion: v1\nname: two\nversion: 1.0.0\n' >"$work/$t/two/Chart.yaml"
    printf 'dependencies:\n- {name: part, version: 0.2.0, repository: "@one"}\n' >"$work/$t/two/requirements.yaml"
    printf 'dependencies:\n- {name: part, version: 0.1.0, repository: "@one"}\ndigest: sha256:abc\ngenerated: "2020-01-01T00:00:00Z"\n' >"$work/$t/two/requirements.lock"
done
begin=200 both dependency build two --skip-refresh
app folder "name: part, version: 1.x, repository: 'file://../nowhere'"
both dependency update folder --skip-refresh
both dependency update nowhere
begin=30 both dependency build
both package app -u --plain-http
app late "name: part, version: 0.1.0, repository: '@one'"
both template r late --dependency-update
same_files "dependency errors"
unset SOURCE_DATE_EPOCH

# The server is away: the cached index and the content cache do, for Helm and for us.
mkdir -p "$SERVERS/www/charts/off" && cp "$SERVERS/www/charts/web-0.1.0.tgz" "$SERVERS/www/charts/off/" && "$helm" repo index "$SERVERS/www/charts/off"
both repo add off "$url/off"
both template r off/web
# what does not fit its digest there is not taken, and put right, which Helm is then glad of
find "$work/ours/.cache/helm/content" -name '*.chart' -exec sh -c ': >"$1"' - {} \;
both template r off/web
[ -n "$(find "$work/ours/.cache/helm/content" -name '*.chart' -size +0)" ] || bad "a spoilt chart stays in the cache"
rm -r "$SERVERS/www/charts/off"
begin=0 both template r off/web
begin=0 both pull off/web -d here
grep -q 'taking the cached one' "$work/ours.err" || bad "nothing is said of an old index"
same_files "the server is away"
both repo remove off
mkdir -p "$SERVERS/www/charts/off"
printf 'apiVersion: v1\nentries: {web: [{apiVersion: v2, name: web, version: 0.1.0, digest: abc, urls: ["%s"]}]}\n' "$url/web-0.1.0.tgz" >"$SERVERS/www/charts/off/index.yaml"
both repo add off "$url/off"
begin=6 both pull off/web
both repo remove off

# Logins in addresses are told by nobody but the lists of what was asked for; Helm tells them in errors.
tell() { # WORD...
    run "$h" ours "$@"
    grep -n s3kr3t "$work/ours.out" "$work/ours.err" && bad "a login is told: $*"
}
with=http://ann:s3kr3t@127.0.0.1:$HTTP_PORT
app logins "name: web, version: '*', repository: '$with/none'"
for t in "repo add l $with/none" "repo add l $with/charts" "pull web --repo $with/none" "pull none --repo $with/charts" "pull $with/none.tgz" \
    "pull $with/charts/web-0.1.0.tgz --prov" "template r l/web --verify" "search hub web --endpoint $with/none" "dependency update logins" \
    "pull oci://ann:s3kr3t@127.0.0.1:1/a/web" "push web-0.1.0.tgz oci://ann:s3kr3t@127.0.0.1:1/a" "registry login ann:s3kr3t@127.0.0.1:1 -u a -p b"; do
    # shellcheck disable=SC2086
    tell $t
done
sed -i "s|$with/charts|$with/none|" "$work/ours/.config/helm/repositories.yaml"
tell repo update
run "$h" ours repo remove l
rm -rf "$work"/*/logins

# A path in which a part is empty
touch -d @1700000000 "$work"/theirs/web-0.1.0.tgz "$work"/ours/web-0.1.0.tgz
both push web-0.1.0.tgz "$oci//x/../y" --plain-http

# Where things are; HELM_BIN alone differs.
places() { # VARIABLE=VALUE...: the same of both
    local t
    for t in "$peers/helm4" "$h"; do
        env -u KUBECONFIG HOME="$work/ours" "$@" "$t" env --debug | grep -v '^HELM_BIN=' >"$work/env.$(basename "$t")"
    done
    done=$((done + 1))
    diff "$work/env.helm4" "$work/env.helmctl" || bad "env with $*"
}
places
places HELM_KUBEASGROUPS=' a,b c,' HELM_KUBEASUSER=ann HELM_QPS=3 HELM_BURST_LIMIT=x HELM_MAX_HISTORY=5 HELM_NAMESPACE=shop HELM_KUBECONTEXT=c HELM_PLUGINS=/p
places XDG_CACHE_HOME=/c XDG_CONFIG_HOME=/f XDG_DATA_HOME=/d HELM_KUBEINSECURE_SKIP_TLS_VERIFY=true KUBECONFIG=/none HELM_REGISTRY_CONFIG=/r
places HELM_CACHE_HOME=/c HELM_CONFIG_HOME=/f HELM_DATA_HOME=/d HELM_CONTENT_CACHE=/x HELM_REPOSITORY_CACHE=/y HELM_REPOSITORY_CONFIG=/z HELM_DEBUG=maybe
both env HELM_REPOSITORY_CONFIG
both env NOTHING
begin=6 both env a b

# one home, both tools
mv "$work/theirs" "$work/theirs-was"
mv "$work/ours" "$work/theirs"
mv "$work/theirs-was" "$work/ours"
both repo list
both repo add four "$url"
both pull one/web -d .
both repo update
same_files "the homes were changed over"
grep -rl secret "$work/theirs.out" "$work/ours.out" "$work/ours.err" && bad "a password is told"
echo "$done commands"
exit $failed
