#!/usr/bin/env bash
# spec.verify against a real registry: signatures by lib/sign.py (openssl, cosign's specification) in both forms, several
# keys, a foreign key, no signature, one about another artifact; the Notary Project's by lib/notary.py, JWS and COSE, by the
# rules of a trust policy; OCIRepository, HelmChart and HelmRelease. The API server is the sandbox.
#
# With HC_COSIGN=/path/to/cosign the real program signs too, in each of its forms, and verifies what lib/sign.py made; by
# hand, since its build takes minutes (go install github.com/sigstore/cosign/v2/cmd/cosign@v2.6.1).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/lib/servers.sh"
. "$here/lib/check.sh"
command -v jq >/dev/null || { echo "SKIP: jq is not on this machine"; exit 77; }
"$root/tests/peers/build.sh" helm4 || { echo "SKIP: the real helm cannot be built here"; exit 77; }
helm=$("$root/tests/peers/build.sh" --dir)/helm4
bin=${HC_BUILD:?}/bin/helmctl
. "$here/lib/stage.sh"
registry_start || { echo "SKIP: docker-registry is not on this machine"; exit 77; }
registry=127.0.0.1:$REGISTRY_PORT
for key in team:'EC -pkeyopt ec_paramgen_curve:P-256' other:'RSA -pkeyopt rsa_keygen_bits:2048' foreign:'EC -pkeyopt ec_paramgen_curve:P-256'; do
    # shellcheck disable=SC2086
    openssl genpkey -algorithm ${key#*:} -out "$work/${key%%:*}.key" 2>/dev/null
    openssl pkey -in "$work/${key%%:*}.key" -pubout -out "$work/${key%%:*}.pub"
done
push() { # VERSION
    cp -R "$root/deploy/examples/charts/storefront" "$work/chart-$1"
    sed -i "s/^version: .*/version: $1/" "$work/chart-$1/Chart.yaml"
    "$helm" package "$work/chart-$1" -d "$work" >/dev/null
    "$helm" push "$work/storefront-$1.tgz" "oci://$registry/charts" --plain-http >/dev/null 2>&1 || { bad "push of $1"; exit 1; }
}
sign() { python3 "$here/lib/sign.py" "$registry" charts/storefront "$@"; } # VERSION KEY FORM [OTHER]
push 1.0.0
one=$(sign 1.0.0 "$work/team.key" tag)
push 1.1.0
two=$(sign 1.1.0 "$work/other.key" untold)
push 2.0.0
three=$(sign 2.0.0 "$work/foreign.key" tag)
push 3.0.0
sign 3.0.0 "$work/team.key" bundle "$one" >/dev/null
push 4.0.0
five=
if python3 -c 'import cryptography' 2>/dev/null; then
    five=$(sign 4.0.0 "$work/root.json" keyless)
    notary() { python3 "$here/lib/notary.py" "$@" || bad "notary.py $*"; }
    notary authority "$work/acme"
    notary authority "$work/evil"
    six=
    for n in 1:acme:cose 2:acme:expired 3:evil:jws 4:acme:tampered 5:acme:other="$one"; do
        push "5.0.${n%%:*}"
        rest=${n#*:}
        made=$(notary sign "$registry" charts/storefront "5.0.${n%%:*}" "$work/${rest%%:*}" "${rest#*:}")
        six=${six:-$made}
    done
    push 5.1.0
    # A foreign signature beside a good one does not matter.
    notary sign "$registry" charts/storefront 5.1.0 "$work/evil" cose >/dev/null
    seven=$(notary sign "$registry" charts/storefront 5.1.0 "$work/acme" jws)
else
    echo "SKIP: keyless and Notation: Python's cryptography is not on this machine"
fi
real=${HC_COSIGN:-}
[ -n "$real" ] || echo "SKIP: the real cosign: HC_COSIGN does not name it"
if [ -n "$real" ]; then
    export COSIGN_PASSWORD=marked-password COSIGN_EXPERIMENTAL=1
    for who in cosign stranger; do
        (cd "$work" && "$real" generate-key-pair --output-key-prefix "$who" >/dev/null 2>&1) || bad "cosign: no key pair"
    done
    cosign_sign() { # VERSION WHO [FLAGS]: prints the digest of what it signed
        push "$1" >&2
        curl -fsSI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/charts/storefront/manifests/$1" | tr -d '\r' | sed -n 's/^docker-content-digest: *//Ip' >"$work/digest"
        "$real" sign --yes --key "$work/$2.key" --tlog-upload=false --allow-http-registry "${@:3}" "$registry/charts/storefront@$(cat "$work/digest")" >"$work/cosign.log" 2>&1 || bad "cosign sign $*: $(tail -n 3 "$work/cosign.log")"
        cat "$work/digest"
    }
    r_tag=$(cosign_sign 6.0.0 cosign --new-bundle-format=false)
    r_bundle=$(cosign_sign 6.0.1 cosign --new-bundle-format=true)
    r_referrer=$(cosign_sign 6.0.2 cosign --new-bundle-format=false --registry-referrers-mode=oci-1-1)
    r_notes=$(cosign_sign 6.0.3 cosign --new-bundle-format=false -a release=yes)
    cosign_sign 6.0.4 stranger --new-bundle-format=false >/dev/null
    cosign_sign 6.0.5 stranger --new-bundle-format=true >/dev/null
    cosign_takes() { # WHAT VERSION FLAGS
        "$real" verify --allow-http-registry "${@:3}" "$registry/charts/storefront:$2" >"$work/cosign.log" 2>&1 && ok "cosign takes $1" || bad "cosign on $1: $(tail -n 3 "$work/cosign.log")"
    }
    cosign_takes "our signature under a tag" 1.0.0 --key "$work/team.pub" --insecure-ignore-tlog=true
    # For a bundle it wants some trust root, even where a key decides.
    [ -z "$five" ] || cosign_takes "our bundle" 1.1.0 --key "$work/other.pub" --insecure-ignore-tlog=true --new-bundle-format --trusted-root "$work/root.json"
    [ -z "$five" ] || cosign_takes "our keyless signature" 4.0.0 --trusted-root "$work/root.json" --certificate-identity dev@example.org --certificate-oidc-issuer https://login.example.org
fi
policy() { # LEVEL SCOPE IDENTITY
    printf '{"version": "1.0", "trustPolicies": [{"name": "charts", "registryScopes": ["%s"], "signatureVerification": {"level": "%s"}, "trustStores": ["ca:acme"], "trustedIdentities": ["%s"]}]}' "$2" "$1" "$3" | base64 -w0
}
notation_secret() { # NAME POLICY
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: default}\ndata: {trustpolicy.json: %s, acme.crt: %s}\n' "$1" "$2" "$(base64 -w0 <"$work/acme/ca.crt")"
}
[ -n "$one" ] && [ -n "$two" ] && [ -n "$three" ] || { bad "signing"; exit 1; }

"$bin" sandbox --kubeconfig "$work/kubeconfig" --ready-after 50 >"$work/sandbox.log" 2>&1 &
pids="$pids $!"
within 10 test -s "$work/kubeconfig" || { cat "$work/sandbox.log"; exit 1; }
export KUBECONFIG=$work/kubeconfig
server=$(sed -n 's/^ *server: //p' "$KUBECONFIG" | head -n 1 | tr -d '"')
repository() { # NAME REF VERIFY [INTERVAL]
    printf -- '---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: %s, namespace: default}\n' "$1"
    printf 'spec: {interval: %s, insecure: true, url: "oci://%s/charts/storefront", ref: %s, verify: %s, layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}}\n' "${4:-1s}" "$registry" "$2" "$3"
}
team='{provider: cosign, secretRef: {name: keys}}'
{
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: default}\ndata: {team.pub: %s, other.pub: %s, notes.txt: eA==}\n' \
        "$(base64 -w0 <"$work/team.pub")" "$(base64 -w0 <"$work/other.pub")"
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: nokeys, namespace: default}\ndata: {team.key: eA==}\n'
    repository moves '{semver: 1.x}' "$team"
    repository by-tag '{tag: 1.0.0}' "$team"
    repository by-digest "{digest: \"$two\"}" "$team"
    repository foreign '{tag: 2.0.0}' "$team"
    repository another '{tag: 3.0.0}' "$team"
    repository lost '{tag: 1.0.0}' '{provider: cosign, secretRef: {name: gone}}'
    repository empty '{tag: 1.0.0}' '{provider: cosign, secretRef: {name: nokeys}}'
    repository keyless '{tag: 1.0.0}' '{provider: cosign, matchOIDCIdentity: [{issuer: a, subject: b}]}'
    repository no-policy '{tag: 1.0.0}' '{provider: notation, secretRef: {name: keys}}'
    repository no-secret '{tag: 1.0.0}' '{provider: notation}'
    if [ -n "$real" ]; then
        printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: real, namespace: default}\ndata: {cosign.pub: %s}\n' "$(base64 -w0 <"$work/cosign.pub")"
        for n in 0 1 2 3 4 5; do
            repository "real-$n" "{tag: 6.0.$n}" '{provider: cosign, secretRef: {name: real}}' 10m
        done
    fi
    if [ -n "$five" ]; then
        notation_secret strict "$(policy strict '*' '*')"
        notation_secret permissive "$(policy permissive "$registry/charts/storefront" 'x509.subject: C=DE, ST=Berlin, O=Example\\, Org, CN=acme signer')"
        notation_secret ops "$(policy strict '*' 'x509.subject: C=DE, ST=Berlin, O=Ops')"
        notation_secret elsewhere "$(policy strict ghcr.io/org/app '*')"
        notation_secret broken "$(policy loose '*' '*')"
        notation_secret audit "$(policy audit '*' '*')"
        while read -r object tag secret; do
            repository "$object" "{tag: $tag}" "{provider: notation, secretRef: {name: $secret}}" 10m
        done <<OBJ
n-cose 5.0.1 strict
n-jws 5.1.0 permissive
n-ended 5.0.2 strict
n-ended-ok 5.0.2 permissive
n-foreign 5.0.3 strict
n-audit 5.0.3 audit
n-tampered 5.0.4 strict
n-another 5.0.5 strict
n-none 1.0.0 strict
n-who 5.1.0 ops
n-scope 5.1.0 elsewhere
n-broken 5.1.0 broken
OBJ
        printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: {name: root, namespace: default}\ndata: {trusted_root.json: %s}\n' "$(base64 -w0 <"$work/root.json")"
        repository by-dev '{tag: 4.0.0}' "{provider: cosign, trustedRootSecretRef: {name: root}, matchOIDCIdentity: [{issuer: '^https://login.example.org\$', subject: '@example.org\$'}]}"
        repository by-other '{tag: 4.0.0}' "{provider: cosign, trustedRootSecretRef: {name: root}, matchOIDCIdentity: [{issuer: '^https://login.example.org\$', subject: '^ops@'}]}"
    fi
    [ -z "$five" ] || printf -- '---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\nmetadata: {name: notation, namespace: default}\nspec: {interval: 10m, chart: storefront, version: 5.1.0, sourceRef: {kind: HelmRepository, name: registry}, verify: {provider: notation, secretRef: {name: strict}}}\n'
    cat <<OBJ
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: registry, namespace: default}
spec: {type: oci, interval: 1m, insecure: true, url: "oci://$registry/charts"}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: foreign, namespace: default}
spec: {interval: 10m, chart: storefront, version: 2.0.0, sourceRef: {kind: HelmRepository, name: registry}, verify: $team}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: signed, namespace: default}
spec: {interval: 10m, chart: {spec: {chart: storefront, version: 1.1.0, sourceRef: {kind: HelmRepository, name: registry}, verify: $team}}, values: {migration: {enabled: false}}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: unsigned, namespace: default}
spec: {interval: 10m, chart: {spec: {chart: storefront, version: 3.0.0, sourceRef: {kind: HelmRepository, name: registry}, verify: $team}}, values: {migration: {enabled: false}}}
OBJ
} >"$work/objects.yaml"
"$bin" deploy --crds-only -f "$work/objects.yaml" >"$work/deploy.log" 2>&1 || { tail -3 "$work/deploy.log"; exit 1; }
"$bin" controller --storage-path "$work/storage" --storage-addr "127.0.0.1:$(free_port)" --metrics-addr 127.0.0.1:0 --health-addr 127.0.0.1:0 >"$work/controller.log" 2>&1 &
pids="$pids $!"

get() { curl -fsS "$server/apis/$1/namespaces/default/$2" | jq -r "$3"; }
oci() { get source.toolkit.fluxcd.io/v1 "ocirepositories/$1" "$2"; }
cond() { printf '.status.conditions[] | select(.type == "%s") | "\\(.status) \\(.reason): \\(.message)"' "$1"; }
unsaid() { # NAMES: those of which nothing is said yet
    get source.toolkit.fluxcd.io/v1 ocirepositories '.items[] | select(any(.status.conditions[]?; .type == "SourceVerified")) | .metadata.name' | sort >"$work/said"
    printf '%s\n' "$@" | sort | comm -23 - "$work/said"
}
awaited=(${real:+real-0 real-1 real-2 real-3 real-4 real-5} moves by-tag by-digest foreign another lost empty keyless no-policy no-secret ${five:+by-dev by-other n-cose n-jws n-ended n-ended-ok n-foreign n-tampered n-another n-none n-who n-scope n-broken})
all_said() { [ -z "$(unsaid "${awaited[@]}")" ]; }
within 60 all_said || bad "nothing is said of: $(unsaid "${awaited[@]}")"
equal "by tag, the first key" "True Succeeded: verified signature of revision 1.0.0@$one" "$(oci by-tag "$(cond SourceVerified)")"
equal "a bundle, the second key" "True Succeeded: verified signature of revision 1.1.0@$two" "$(oci moves "$(cond SourceVerified)")"
equal "by digest" "True Succeeded: verified signature of revision $two" "$(oci by-digest "$(cond SourceVerified)")"
has "and all is well" '^True Succeeded: stored artifact' "$(oci by-digest "$(cond Ready)")"
refused() { # NAME PATTERN: no artifact, and both conditions say why
    local says
    mapfile -t says < <(oci "$1" ".status.artifact, ([$(cond SourceVerified)][0], [$(cond Ready)][0] | tostring | gsub(\"\n\"; \" \"))")
    equal "$1: nothing is fetched" null "${says[0]:-}"
    has "$1: SourceVerified" "^False VerificationError: failed to verify the signature using provider '[a-z ]*': .*$2" "${says[1]:-}"
    has "$1: Ready" "^False VerificationError: .*$2" "${says[2]:-}"
}
if [ -n "$real" ]; then
    n=0
    for made in "tag:$r_tag" "bundle:$r_bundle" "referrer:$r_referrer" "annotations:$r_notes"; do
        equal "cosign: ${made%%:*}" "True Succeeded: verified signature of revision 6.0.$n@${made#*:}" "$(oci "real-$n" "$(cond SourceVerified)")"
        n=$((n + 1))
    done
    refused real-4 "no matching signatures were found for '$registry/charts/storefront:6.0.4': the signature was made by none of the 1 key"
    refused real-5 "no matching signatures were found for '$registry/charts/storefront:6.0.5': "
fi
refused foreign "no matching signatures were found for '$registry/charts/storefront:2.0.0': the signature was made by none of the 2 keys"
refused another "the signature is about another artifact than sha256:[0-9a-f]{64}"
refused lost 'secrets "gone" not found'
refused empty "has no key that ends in .pub"
refused keyless "trustedRootSecretRef"
refused no-policy "'trustpolicy.json' not found in secret 'default/keys'"
refused no-secret "verification secret cannot be empty"
if [ -n "$five" ]; then
    equal "keyless, the right person" "True Succeeded: verified signature of revision 4.0.0@$five" "$(oci by-dev "$(cond SourceVerified)")"
    refused by-other "it was signed by 'dev@example.org' of the issuer 'https://login.example.org', which none of the 1 identities takes"
    equal "Notation, COSE" "True Succeeded: verified signature of revision 5.0.1@$six" "$(oci n-cose "$(cond SourceVerified)")"
    equal "Notation, JWS beside a foreign one" "True Succeeded: verified signature of revision 5.1.0@$seven" "$(oci n-jws "$(cond SourceVerified)")"
    has "Notation: permissive" "^True Succeeded: verified signature of revision 5.0.2@" "$(oci n-ended-ok "$(cond SourceVerified)")"
    has "Notation: what is not enforced is logged" "5.0.2@.* does not enforce: expiry: " "$(cat "$work/controller.log")"
    audited() { oci n-audit "$(cond Ready)" | grep -q '^True'; }
    within 20 audited && ok "Notation: audited, it is taken" || bad "n-audit: $(oci n-audit "$(cond Ready)")"
    equal "and nobody vouches for it" "" "$(oci n-audit "$(cond SourceVerified)")"
    statement="by the trust policy's statement 'charts': "
    refused n-ended "${statement}expiry: "
    refused n-foreign "${statement}authenticity: the chain of 'CN=evil signer,O=Example.*, Org,ST=Berlin,C=DE' holds none of the 1 trusted certificates"
    refused n-tampered "${statement}integrity: "
    refused n-another "${statement}subject: the signature is about another artifact than sha256:[0-9a-f]{64}"
    refused n-none "no signatures found for sha256:"
    refused n-who "${statement}authenticity: it was signed by 'CN=acme signer,.*', which none of the 1 trusted identities takes"
    refused n-scope "no statement of the trust policy is about '$registry/charts/storefront'"
    refused n-broken "secret 'default/broken': trust policy statement 'charts': signatureVerification.level 'loose'"
fi
chart() { get source.toolkit.fluxcd.io/v1 "helmcharts/$1" "$2"; }
chart_said() { [ -n "$(chart "$1" "$(cond SourceVerified)")" ]; }
within 20 chart_said foreign
has "HelmChart: BuildFailed" "^True ChartVerificationError: chart verification error: failed to verify oci://$registry/charts/storefront: no matching signatures" "$(chart foreign "$(cond BuildFailed)")"
has "HelmChart: SourceVerified" '^False VerificationError: chart verification error' "$(chart foreign "$(cond SourceVerified)")"
equal "HelmChart: nothing is fetched" null "$(chart foreign .status.artifact)"
if [ -n "$five" ]; then
    notation_chart() { [ "$(chart notation "$(cond SourceVerified)")" = "True Succeeded: verified signature of version 5.1.0" ]; }
    within 20 notation_chart && ok "HelmChart: Notation" || bad "HelmChart notation: $(chart notation "$(cond Ready)")"
fi
hr() { get helm.toolkit.fluxcd.io/v2 "helmreleases/$1" "$2"; }
deployed() { [ "$(hr signed '.status.history[0] | "\(.chartVersion) \(.status)"')" = "1.1.0 deployed" ]; }
within 20 deployed && ok "a release of a signed chart" || bad "signed: $(hr signed "$(cond Ready)")"
equal "its HelmChart" "True Succeeded: verified signature of version 1.1.0" "$(chart default-signed "$(cond SourceVerified)")"
within 20 chart_said default-unsigned
has "a chart that is signed for another" '^False VerificationError: .*another artifact' "$(chart default-unsigned "$(cond SourceVerified)")"
equal "installs nothing" null "$(hr unsigned '.status.history')"

# A new version that nobody signed stops there; signed, it goes on.
push 1.2.0
unsigned() { oci moves "$(cond SourceVerified)" | grep -q '^False'; }
within 20 unsigned
has "a new version without a signature" "^False VerificationError: .*no signatures found for sha256:" "$(oci moves "$(cond SourceVerified)")"
equal "the artifact stays" "1.1.0@$two" "$(oci moves .status.artifact.revision)"
four=$(sign 1.2.0 "$work/team.key" tag)
moved() { [ "$(oci moves .status.artifact.revision)" = "1.2.0@$four" ]; }
within 30 moved && ok "signed afterwards it is taken" || bad "moves: $(oci moves "$(cond Ready)")"
equal "and verified" "True Succeeded: verified signature of revision 1.2.0@$four" "$(oci moves "$(cond SourceVerified)")"
# What was found good is not asked about again, until the object changes: the signature is gone meanwhile.
change() { curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d "$1" "$server/apis/source.toolkit.fluxcd.io/v1/namespaces/default/ocirepositories/by-tag" >/dev/null; }
rm -r "$SERVERS/registry/data/docker/registry/v2/repositories/charts/storefront/_manifests/tags/sha256-${one#sha256:}.sig"
change '{"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "again"}}}'
handled() { [ "$(oci by-tag .status.lastHandledReconcileAt)" = again ]; }
within 20 handled || bad "by-tag: not looked at again"
up_to_date() { get_events | grep -q "^Normal ArtifactUpToDate: artifact up-to-date with remote revision: '1.0.0@$one'$"; }
get_events() { curl -fsS "$server/api/v1/namespaces/default/events" | jq -r '.items[] | select(.involvedObject.name == "by-tag") | "\(.type) \(.reason): \(.message)"'; }
within 20 up_to_date && ok "which is told to who asked" || bad "events of by-tag: $(get_events)"
equal "not verified again when nothing changed" "True Succeeded: verified signature of revision 1.0.0@$one" "$(oci by-tag "$(cond SourceVerified)")"
change '{"spec": {"timeout": "50s"}}'
withdrawn() { oci by-tag "$(cond SourceVerified)" | grep -q '^False VerificationError: .*no signatures found for sha256:'; }
within 20 withdrawn && ok "verified again when the object changed" || bad "by-tag: $(oci by-tag "$(cond SourceVerified)")"
# Other keys in the Secret mean another look, at the next interval.
keys() { curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d "{\"data\": {\"other.pub\": $1}}" "$server/api/v1/namespaces/default/secrets/keys" >/dev/null; }
by_digest() { oci by-digest "$(cond SourceVerified)" | grep -q "$1"; }
keys null
within 20 by_digest '^False VerificationError: .*made by none of the 1 key' && ok "the key is gone: no longer verified" || bad "by-digest: $(oci by-digest "$(cond SourceVerified)")"
keys "\"$(base64 -w0 <"$work/other.pub")\""
within 20 by_digest "^True Succeeded: verified signature of revision $two" && ok "and when it is back, it is" || bad "by-digest: $(oci by-digest "$(cond SourceVerified)")"
# The same for a HelmChart, by key and by trust policy, when it is asked.
patch() { curl -fsS -X PATCH -H 'Content-Type: application/merge-patch+json' -d "$2" "$server/$1" >/dev/null; }
ask() { patch "apis/source.toolkit.fluxcd.io/v1/namespaces/default/helmcharts/$1" "{\"metadata\": {\"annotations\": {\"reconcile.fluxcd.io/requestedAt\": \"$2\"}}}"; }
again() { # CHART SECRET KEY OTHER OLD VERSION: OTHER and OLD in base64
    revision=$(chart "$1" .status.artifact.revision) said="True Succeeded: verified signature of version $6"
    patch "api/v1/namespaces/default/secrets/$2" "{\"data\": {\"$3\": \"$4\"}}"
    ask "$1" "other $3"
    refused_now() { chart "$1" "$(cond SourceVerified)" | grep -q '^False VerificationError'; }
    within 20 refused_now "$1" && ok "HelmChart $1: another $3, and it is no longer verified" || bad "HelmChart $1: $(chart "$1" "$(cond SourceVerified)")"
    equal "its archive stays" "$revision" "$(chart "$1" .status.artifact.revision)"
    patch "api/v1/namespaces/default/secrets/$2" "{\"data\": {\"$3\": \"$5\"}}"
    ask "$1" "the old $3"
    taken_now() { [ "$(chart "$1" "$(cond SourceVerified)")" = "$said" ]; }
    within 20 taken_now "$1" && ok "and when it is back, it is" || bad "HelmChart $1: $(chart "$1" "$(cond SourceVerified)")"
}
again default-signed keys other.pub "$(base64 -w0 <"$work/foreign.pub")" "$(base64 -w0 <"$work/other.pub")" 1.1.0
[ -z "$five" ] || again notation strict trustpolicy.json "$(policy strict '*' 'x509.subject: C=DE, ST=Berlin, O=Ops')" "$(policy strict '*' '*')" 5.1.0
hasnt "no key is told" "$(sed -n 2p "$work/team.pub" | cut -c1-40)" "$(cat "$work/controller.log")"
done_
