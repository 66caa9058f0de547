#!/usr/bin/env bash
# Wrong input, one object each: the Ready condition and an event say what, where, why and what to do; nothing else changes.
# Controller and sandbox, real Git and SSH servers.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
command -v jq >/dev/null && command -v python3 >/dev/null || { echo "SKIP: jq or python3 is not on this machine"; exit 77; }
bin=${HC_BUILD:?}/bin/helmctl
. "$here/lib/stage.sh"
nginx_start || { echo "SKIP: nginx"; exit 77; }
sshd_start || { echo "SKIP: sshd"; exit 77; }
base=http://127.0.0.1:$HTTP_PORT

# ---- repositories, each with one chart that is wrong in one way
chart() { # DIR NAME: a chart that is right, to be spoilt
    mkdir -p "$1/$2/templates"
    printf 'apiVersion: v2\nname: %s\nversion: 1.0.0\n' "$2" >"$1/$2/Chart.yaml"
    echo 'size: 1' >"$1/$2/values.yaml"
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {size: "{{ .Values.size }}"}\n' >"$1/$2/templates/cm.yaml"
}
index() { # REPO NAME [DIGEST]
    local d=${3:-$(sha256sum "$SERVERS/www/$1/$2-1.0.0.tgz" | cut -d' ' -f1)}
    printf 'apiVersion: v1\nentries:\n  %s:\n  - {name: %s, version: 1.0.0, apiVersion: v2, digest: %s, urls: [%s-1.0.0.tgz]}\n' "$2" "$2" "$d" "$2" >"$SERVERS/www/$1/index.yaml"
}
publish() { # REPO: packs $work/src/REPO/c as chart c
    mkdir -p "$SERVERS/www/$1"
    tar -C "$work/src/$1" -czf "$SERVERS/www/$1/c-1.0.0.tgz" c
    index "$1" c
}
for r in good cut notgzip climbs link bomb noname novalues broken notyaml refused forbidden digest; do chart "$work/src/$r" c; done
rm "$work/src/noname/c/Chart.yaml"; printf 'apiVersion: v2\nversion: 1.0.0\n' >"$work/src/noname/c/Chart.yaml"
printf -- '- a\n- list\n' >"$work/src/novalues/c/values.yaml"
printf 'a: {{ .Values.missing.deeper }}\n' >"$work/src/broken/c/templates/cm.yaml"
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n bad: [\n' >"$work/src/notyaml/c/templates/cm.yaml"
printf 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: nosel}\nspec: {replicas: 1}\n' >"$work/src/refused/c/templates/cm.yaml"
printf 'apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: kept-out}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}\n' >"$work/src/forbidden/c/templates/cm.yaml"
ln -s ../../../etc/passwd "$work/src/link/c/templates/evil.yaml"
for r in good cut notgzip noname novalues broken notyaml refused forbidden digest; do publish $r; done
head -c 150 "$SERVERS/www/good/c-1.0.0.tgz" >"$SERVERS/www/cut/c-1.0.0.tgz"; index cut c
echo "this is no archive" >"$SERVERS/www/notgzip/c-1.0.0.tgz"; index notgzip c
index digest c 1111111111111111111111111111111111111111111111111111111111111111
python3 - "$SERVERS/www" "$work/src/link" <<'PY'
import io, os, struct, sys, tarfile, zlib
www = sys.argv[1]
def chart(t):
    for name, text in (("c/Chart.yaml", b"apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("c/values.yaml", b"size: 1\n")):
        i = tarfile.TarInfo(name); i.size = len(text); t.addfile(i, io.BytesIO(text))
for repo in ("climbs", "link"):
    os.makedirs(www + "/" + repo, exist_ok=True)
    with tarfile.open(www + "/" + repo + "/c-1.0.0.tgz", "w:gz") as t:
        chart(t)
        if repo == "climbs":
            i = tarfile.TarInfo("c/../../../evil.txt"); i.size = 4; t.addfile(i, io.BytesIO(b"evil"))
        else:
            i = tarfile.TarInfo("c/templates/evil.yaml"); i.type = tarfile.SYMTYPE; i.linkname = "../../../../etc/passwd"; t.addfile(i)
# The bomb is made of one compressed mebibyte, again and again: to compress all of it takes seconds. (Its checksum is not
# right; nobody gets as far.)
head = io.BytesIO()
with tarfile.open(fileobj=head, mode="w") as t:
    chart(t)
    end = t.offset
i = tarfile.TarInfo("c/templates/big.yaml"); i.size = 1 << 30
z = zlib.compressobj(9, zlib.DEFLATED, -15)
first = z.compress(head.getvalue()[:end] + i.tobuf()) + z.flush(zlib.Z_FULL_FLUSH)
again = z.compress(bytes(1 << 20)) + z.flush(zlib.Z_FULL_FLUSH)
os.makedirs(www + "/bomb", exist_ok=True)
with open(www + "/bomb/c-1.0.0.tgz", "wb") as f:
    f.write(b"\x1f\x8b\x08" + bytes(6) + b"\xff" + first + again * 1024 + z.compress(bytes(1024)) + z.flush() + struct.pack("<II", 0, 0))
PY
for r in climbs link bomb; do index $r c; done
mkdir -p "$SERVERS/www/html"; echo '<html>an error page</html>' >"$SERVERS/www/html/index.yaml"

git_repo code
mkdir -p "$SERVERS/work/code/self" "$SERVERS/work/code/broken"
git_commit code one 2>/dev/null || true
cat >"$SERVERS/work/code/broken/all.yaml" <<'OBJ'
apiVersion: v1
kind: ConfigMap
metadata: {name: fine, namespace: default}
  bad: [
OBJ
cat >"$SERVERS/work/code/self/all.yaml" <<'OBJ'
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: self, namespace: default}
spec: {interval: 1m, path: ./self, prune: true, sourceRef: {kind: GitRepository, name: code}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: beside, namespace: default}
OBJ
git_commit code "objects"

# ---- the stage
"$bin" sandbox --kubeconfig "$work/kubeconfig" >"$work/sandbox.log" 2>&1 &
pids="$pids $!"
within 10 test -s "$work/kubeconfig" || { cat "$work/sandbox.log"; exit 1; }
export KUBECONFIG=$work/kubeconfig
server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"')
curl -fsS -X POST "$server/sandbox/faults" -d '{"verb":"patch","path":"*/daemonsets/*","action":"status","code":403,"message":"daemonsets.apps is forbidden: User \"system:serviceaccount:default:helmctl\" cannot patch resource \"daemonsets\"","count":1000}' >/dev/null || exit 1
curl -fsS -X POST "$server/sandbox/faults" -d '{"verb":"create","path":"*/daemonsets*","action":"status","code":403,"message":"daemonsets.apps is forbidden: User \"system:serviceaccount:default:helmctl\" cannot create resource \"daemonsets\"","count":1000}' >/dev/null
{
    release() { # NAME REPO [MORE SPEC]
        cat <<OBJ
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: $1, namespace: default}
spec: {interval: 10m, timeout: 5s, chart: {spec: {chart: c, sourceRef: {kind: HelmRepository, name: $2}}}${3:-}}
OBJ
    }
    git() { # NAME URL MORE
        printf -- '---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: %s, namespace: default}\nspec: {interval: 10m, url: "%s"%s}\n' "$1" "$2" "${3:-}"
    }
    secret() { # NAME IDENTITY KNOWN_HOSTS
        printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: default}\ndata: {identity: %s, known_hosts: %s}\n' "$1" "$(base64 -w0 <"$2")" "$(base64 -w0 <"$3")"
    }
    for r in good cut notgzip climbs link bomb noname novalues broken notyaml refused forbidden digest html; do
        printf -- '---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: %s, namespace: default}\nspec: {interval: 10m, url: "%s/%s"}\n' $r "$base" $r
        release $r $r
    done
    release badvalues good ", values: {size: 2}, valuesFrom: [{kind: ConfigMap, name: nomap}]"
    release novaluesfrom good ", valuesFrom: [{kind: ConfigMap, name: absent}]"
    release nonamespace good ", targetNamespace: nowhere"
    printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: nomap, namespace: default}\ndata: {values.yaml: "- a list"}\n'
    echo "other.example.com ssh-ed25519 AAAA" >"$work/other_hosts"
    ssh="ssh://$(id -un)@127.0.0.1:$SSH_PORT$SERVERS/git/code.git"
    secret stranger "$SERVERS/ssh/stranger" "$SERVERS/ssh/known_hosts"
    secret otherhost "$SERVERS/ssh/identity" "$work/other_hosts"
    git code "$base/git/code.git" ", ref: {branch: main}"
    git nobranch "$base/git/code.git" ", ref: {branch: nope}"
    git gone "$base/git/gone.git"
    git wrongkey "$ssh" ", ref: {branch: main}, secretRef: {name: stranger}"
    git unknownhost "$ssh" ", ref: {branch: main}, secretRef: {name: otherhost}"
    for k in self broken; do
        printf -- '---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: %s, namespace: default}\nspec: {interval: 1m, path: ./%s, prune: true, sourceRef: {kind: GitRepository, name: code}}\n' $k $k
    done
} >"$work/objects.yaml"
"$bin" deploy --crds-only -f "$work/objects.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
unknown=$("$bin" deploy --crds-only -f - 2>&1 <<'OBJ'
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: unknown-kind, namespace: default}
spec: {interval: 10m, chart: {spec: {chart: c, sourceRef: {kind: FtpRepository, name: x}}}}
OBJ
)
has "an unknown source kind is refused when it is applied" 'FtpRepository|sourceRef.kind' "$unknown"

"$bin" controller --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" --metrics-addr 127.0.0.1:0 --health-addr 127.0.0.1:0 \
    --log-encoding console >"$work/controller.log" 2>&1 &
pids="$pids $!"
controller=$!

api() { curl -fsS "$server$1"; }
path() { # KIND NAME
    case $1 in
    hr) echo "/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/$2" ;;
    ks) echo "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/default/kustomizations/$2" ;;
    git) echo "/apis/source.toolkit.fluxcd.io/v1/namespaces/default/gitrepositories/$2" ;;
    repo) echo "/apis/source.toolkit.fluxcd.io/v1/namespaces/default/helmrepositories/$2" ;;
    chart) echo "/apis/source.toolkit.fluxcd.io/v1/namespaces/default/helmcharts/default-$2" ;;
    esac
}
messages() { api "$(path "$1" "$2")" | jq -r '[.status.conditions[]? | select(.type == "Ready" or .type == "Stalled" or .type == "Released") | .type + "=" + .status + " " + .reason + ": " + .message] | join(" | ")'; }
says() { messages "$1" "$2" | tr '\n' ' ' | grep -qE -- "$3"; }
wrong() { # WHAT KIND NAME PATTERN
    if within 20 says "$2" "$3" "$4"; then ok "$1"; else bad "$1: no /$4/ in: $(messages "$2" "$3")"; fi
}
wrong "no such branch" git nobranch "Ready=False .*no branch 'nope'; it has main"
wrong "repository gone" git gone 'Ready=False .*no Git repository at .*check spec.url'
wrong "wrong key" git wrongkey 'Ready=False .*does not accept the key'
wrong "unknown host key" git unknownhost 'Ready=False .*host key .* is not in the Secret.s known_hosts'
wrong "index that is not YAML" repo html 'Ready=False .*not a Helm repository index'
wrong "digest that does not match" chart digest 'Ready=False .*digest is sha256:.* the index says'
wrong "archive that is cut" hr cut '=False .*(cut|end|truncated|damaged)'
wrong "archive that is no gzip" hr notgzip '=False .*(gzip|archive)'
wrong "archive that climbs out" hr climbs '=False .*(\.\.|climb|leav|lead|outside)'
wrong "archive with a link to outside" hr link '=False .*(link)'
wrong "archive of 1 GiB" hr bomb '=False .*(larger|more than|over|exceeds|limit)'
wrong "Chart.yaml without a name" hr noname '=False .*name'
wrong "values.yaml that is no map" hr novalues '=False .*(values|cannot unmarshal|map)'
wrong "values that are no map" hr badvalues 'Ready=False ValuesError: .*(nomap)'
wrong "valuesFrom that is not there" hr novaluesfrom "Ready=False ValuesError: .*absent"
wrong "template error" hr broken '=False .*c/templates/cm.yaml:1.*nil pointer evaluating'
wrong "output that is not YAML" hr notyaml '=False .*YAML parse error on c/templates/cm.yaml'
wrong "object the server refuses" hr refused '=False .*nosel.*(selector|template|Invalid|Required).*c/templates/cm.yaml:4\); correct the chart.*Applied: 0 of 1 objects'
wrong "missing right" hr forbidden '=False .*kept-out.*forbidden.*\(c/templates/cm.yaml:2\); have a Role .*Applied: 0 of 1 objects'
wrong "missing namespace" hr nonamespace '=False .*nowhere.*not found'
wrong "a Kustomization that holds itself" ks self '(Ready=False .*(itself|self)|Ready=True)'
wrong "YAML of a Kustomization" ks broken 'Ready=False .*broken/all.yaml'
wrong "the one that is right" hr good 'Ready=True'

kill -0 $controller 2>/dev/null && ok "the controller lives" || bad "the controller died"
equal "only what is right made an object" "good" "$(api '/api/v1/namespaces/default/configmaps' | jq -r '[.items[].metadata.name | select(. != "nomap" and . != "kube-root-ca.crt" and . != "beside")] | join(" ")')"
stays() { api "$(path ks self)" >/dev/null; }
stays && ok "it was not pruned" || bad "the Kustomization pruned itself"
events=$(api '/api/v1/namespaces/default/events' | jq -r '.items[] | select(.type == "Warning") | .involvedObject.kind + "/" + .involvedObject.name' | sort -u)
for o in GitRepository/nobranch GitRepository/wrongkey HelmRepository/html HelmRelease/broken HelmRelease/refused HelmRelease/badvalues; do
    printf '%s\n' "$events" | grep -qx "$o" && ok "an event tells of $o" || bad "no event of $o"
done
rss=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$controller/status")
[ "$rss" -lt 200 ] && ok "$rss MiB at the most, bombs and all" || bad "$rss MiB"
secret=$(sed -n '2p' "$SERVERS/ssh/stranger")
all=$(cat "$work/controller.log"; api '/api/v1/namespaces/default/events')
case $all in *"$secret"*) bad "a private key is in a log or an event" ;; *) ok "no key in logs and events" ;; esac
done_
