/*
 * What cosign keeps in registries, by the first byte: b a bundle, p the parts of an older signature divided by NUL
 * (payload, signature, certificate, entry of the log, time stamp), r a trust root. Judged by a trust root of the tests'
 * own, then by a public key.
 */
#include "charts-fetch/verify/cosign.h"
#include "tests/fuzz/fuzz.h"

static const char trust_root[] =
    "{\"mediaType\": \"application/vnd.dev.sigstore.trustedroot+json;version=0.1\", \"tlogs\": [{\"baseUr"
    "l\": \"https://log.invalid\", \"hashAlgorithm\": \"SHA2_256\", \"logId\": {\"keyId\": \"ox73uc+teqkd"
    "xTvUyzI9WFs/XeoDnOs6gQsMouy8+g0=\"}, \"publicKey\": {\"rawBytes\": \"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQc"
    "DQgAEsYGgGhsO22evuuXSQBoeheCuhDV3GnPV1iQKnDaBTvlqQGOF270umcCmJfbAjzmSGVJMkmb5JLhGbXFqyX8sTg==\", \"k"
    "eyDetails\": \"PKIX_ECDSA_P256_SHA_256\", \"validFor\": {\"start\": \"2025-11-27T02:01:15Z\"}}}], \""
    "ctlogs\": [{\"baseUrl\": \"https://log.invalid\", \"hashAlgorithm\": \"SHA2_256\", \"logId\": {\"key"
    "Id\": \"HNEq3wu0DcrmVQ49ReIykkiPwa4sN7rIeOSm2FhEigI=\"}, \"publicKey\": {\"rawBytes\": \"MFkwEwYHKoZ"
    "Izj0CAQYIKoZIzj0DAQcDQgAElBAdVrj0j/Cp3ZBybqw31fPtTbjhA3dG8cOe1QKa38MSnKWbPrvjgG82Fkg27HqPkktrEcNEaF2"
    "2TjIP5pY5Tw==\", \"keyDetails\": \"PKIX_ECDSA_P256_SHA_256\", \"validFor\": {\"start\": \"2025-11-27"
    "T02:01:15Z\"}}}], \"certificateAuthorities\": [{\"uri\": \"https://ca.invalid\", \"certChain\": {\"c"
    "ertificates\": [{\"rawBytes\": \"MIIBLDCB1KADAgECAhAf9zCzxUzg17+JWE8bqkUmMAoGCCqGSM49BAMCMA8xDTALBgN"
    "VBAMMBHJvb3QwHhcNMjUxMTI3MDIwMTE1WhcNMjcxMTI3MDIwMTE1WjAOMQwwCgYDVQQDDANtaWQwWTATBgcqhkjOPQIBBggqhkj"
    "OPQMBBwNCAATC6LEmZAxmZ+k6bpqP4j54F+5Vu9C7dgxKvucw+d9EMnafeS4KGKObJNim4+gmz0hg8/UfPtKtsH0c9hmr4sQ6oxM"
    "wETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBX9SZAkJON1W+QLb/kaCMauxmtM2+Ow+CNiXTyMbHF9AiAOTB7"
    "DHickTep+T4kcEi+EU6ruUytY/vzJhUZajvVECA==\"}, {\"rawBytes\": \"MIIBLjCB1aADAgECAhAuJeuCIbHy1lGzWtcEc"
    "sMhMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHJvb3QwHhcNMjUxMTI3MDIwMTE1WhcNMjcxMTI3MDIwMTE1WjAPMQ0wCwYDVQQDD"
    "ARyb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsyocQW1Bmo36B0eRHO/hVEEEUoB5JPkixkr55+wsjwsB5WQ4RCHpwHSnM"
    "ttqXsVG4GExRjzVyeZaoR/y5Ci/lKMTMBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAe/s+P2p+uDGCk1IQK8"
    "vqairAHyTM9aMZMAPJD4GdotAIhANYFZwujQTvqr3rJ+YA38z1G+sIT2ijxZjo7aYO5pAO6\"}]}, \"validFor\": {\"start"
    "\": \"2025-11-27T02:01:15Z\"}}], \"timestampAuthorities\": [{\"certChain\": {\"certificates\": [{\"r"
    "awBytes\": \"MIIBNzCB3qADAgECAhAXTAZMGSz5jelhnrntLuM6MAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHJvb3QwHhcNMjU"
    "xMTI3MDIwMTE1WhcNMjcxMTI3MDIwMTE1WjARMQ8wDQYDVQQDDAZzdGFtcHMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQJ2kB"
    "jq0xZhZpvVuwyc00tqJCNVKdi2DlDlKAhV58PWWAhwLSyHYYIEvUgPbd6in4Fze+KhluwPXak3msYpx/koxowGDAWBgNVHSUBAf8"
    "EDDAKBggrBgEFBQcDCDAKBggqhkjOPQQDAgNIADBFAiAvaZtP0E+egcQhip36O0cAjEiQ5AQeAgxSCSnhos3rNwIhAMPhMuGAyeC"
    "MJibhnRH3jq7dTHdwtYGzeQzzT3hUPODI\"}, {\"rawBytes\": \"MIIBLjCB1aADAgECAhAuJeuCIbHy1lGzWtcEcsMhMAoGC"
    "CqGSM49BAMCMA8xDTALBgNVBAMMBHJvb3QwHhcNMjUxMTI3MDIwMTE1WhcNMjcxMTI3MDIwMTE1WjAPMQ0wCwYDVQQDDARyb290M"
    "FkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsyocQW1Bmo36B0eRHO/hVEEEUoB5JPkixkr55+wsjwsB5WQ4RCHpwHSnMttqXsVG4"
    "GExRjzVyeZaoR/y5Ci/lKMTMBEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAe/s+P2p+uDGCk1IQK8vqairAHy"
    "TM9aMZMAPJD4GdotAIhANYFZwujQTvqr3rJ+YA38z1G+sIT2ijxZjo7aYO5pAO6\"}]}, \"validFor\": {\"start\": \"20"
    "25-11-27T02:01:15Z\"}}]}";
static const char public_key[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsYGgGhsO22evuuXSQBoeheCuhDV3\n"
                                 "GnPV1iQKnDaBTvlqQGOF270umcCmJfbAjzmSGVJMkmb5JLhGbXFqyX8sTg==\n"
                                 "-----END PUBLIC KEY-----\n";

static struct hc_sigstore_root *root_of(struct hc_arena *a, hc_str json)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_sigstore_root *root = NULL;
    enum hc_rc rc = hc_sigstore_root_read(a, json, &root, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    return rc == HC_OK ? root : NULL;
}

static void judge(struct hc_arena *a, const struct hc_cosign_trust *t, hc_str rest, bool bundle)
{
    const hc_str digest = HC_S("sha256:c5d902c53b4afcf32ad746fd9d696431650d3fbe8f7b10ca10519543fefd772c");
    struct hc_err err = HC_ERR_INIT;
    struct hc_cosign_result res;
    enum hc_rc rc;
    if (bundle) {
        rc = hc_cosign_bundle(a, t, rest, digest, &res, &err);
    } else {
        struct hc_cosign_layer l = { .payload = fuzz_part(&rest), .signature = fuzz_part(&rest) };
        l.certificate = fuzz_part(&rest);
        l.bundle = fuzz_part(&rest);
        l.timestamp = fuzz_part(&rest);
        rc = hc_cosign_layer(a, t, &l, digest, &res, &err);
    }
    if ((rc == HC_OK) != (res.rule == HC_COSIGN_GOOD) || (rc != HC_OK && !err.msg[0]) || rc == HC_E_BUG)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hc_cosign_identity anyone = { HC_S("^https://login\\.example\\.org$"),
                                                      HC_S("^dev@example\\.org$") };
    static const hc_str key = { public_key, sizeof(public_key) - 1 };
    static struct hc_sigstore_root *root;
    static struct hc_arena *kept;
    struct hc_arena *a = fuzz_arena();
    if (!kept &&
        !(kept = hc_arena_new(0))) /* read at each run, or the compiler keeps it nowhere and it counts as leaked */
        abort();
    if (!root && !(root = root_of(kept, hc_str_of(trust_root))))
        abort();
    const struct hc_cosign_trust trust = { .root = root, .identities = &anyone, .identities_n = 1 };
    const struct hc_cosign_trust by_key = { .keys = &key, .keys_n = 1 };
    hc_str text = fuzz_text(data, size), rest = hc_str_sub(text, 1, text.n);
    switch (size ? data[0] : 0) {
    case 'b':
    case 'p':
        judge(a, size % 4 ? &trust : &by_key, rest, data[0] == 'b');
        break;
    case 'r':
        hc_sigstore_root_free(root_of(a, rest));
        break;
    default:
        break;
    }
    return 0;
}
