/* Kuma in universal mode: the same policies with a head of their own, through kumactl. */
#include "analyzer/routing/kuma.h"
#include "analyzer/routing/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const MESH = "default";

static void put(const json_t *tree, buffer_t *out) {
    buffer_text(out, "kumactl apply -f - <<'EOF'\n");
    text_yaml(tree, out);
    buffer_text(out, "EOF\n");
}

static void apply(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = 0; i < count; i++) put(placed[i].after, out);
}

static void undo(const placed_t *placed, size_t count, buffer_t *out) {
    for (size_t i = count; i-- > 0;) {
        if (placed[i].before != NULL) {
            put(placed[i].before, out);
            continue;
        }
        buffer_text(out, "kumactl delete ");
        for (const char *c = placed[i].kind; *c != '\0'; c++) buffer_byte(out, (uint8_t)tolower((unsigned char)*c));
        buffer_text(out, " ");
        text_shell(placed[i].name, out);
        buffer_format(out, " --mesh %s\n", MESH);
    }
}

/* "meshretries" */
static void plural(const char *kind, buffer_t *out) {
    size_t len = strlen(kind);
    bool ies = kind[len - 1] == 'y';
    for (size_t i = 0; i < len - ies; i++) buffer_byte(out, (uint8_t)tolower((unsigned char)kind[i]));
    buffer_text(out, ies ? "ies" : "s");
}

static void read_live(const placed_t *placed, size_t count, const char *also, buffer_t *out) {
    (void)also;
    for (size_t i = 0; i < count; i++) {
        buffer_text(out, "kumactl get ");
        plural(placed[i].kind, out);
        buffer_format(out, " --mesh %s -o json\n", MESH);
    }
}

static const routing_form_t form_kumactl = {"yaml", text_yaml, apply, undo, read_live};

static void place_policy(render_t *render, const char *kind, json_t *base, json_t *change) {
    char name[OBJECT_NAME_BYTES];
    render_own_name(render, name, sizeof name);
    render_object(render, &form_kumactl, kind, name,
                  json_pack("{ss,ss,ss,so}", "type", kind, "name", name, "mesh", MESH, "spec", base),
                  json_pack("{so}", "spec", change));
}

static void shift_versions(render_t *render) {
    kuma_shift_versions(render, place_policy);
}
static void tighten_ejection(render_t *render) {
    kuma_tighten_ejection(render, place_policy);
}
static void circuit_breaker(render_t *render) {
    kuma_circuit_breaker(render, place_policy);
}
static void rate_limit(render_t *render) {
    kuma_rate_limit(render, place_policy);
}
static void cut_retries(render_t *render) {
    kuma_cut_retries(render, place_policy);
}
static void set_timeout(render_t *render) {
    kuma_set_timeout(render, place_policy);
}
static void fail_over(render_t *render) {
    kuma_fail_over(render, place_policy);
}

static const about_rule_t about[] = {
    {"MeshHTTPRoute", KUMA_ABOUT}, {"MeshCircuitBreaker", KUMA_ABOUT},        {"MeshRetry", KUMA_ABOUT},
    {"MeshTimeout", KUMA_ABOUT},   {"MeshLoadBalancingStrategy", KUMA_ABOUT}, {NULL, NULL},
};

const routing_language_ops language_kuma_universal = {
    .name = "kuma-universal",
    .title = "Kuma (universal)",
    .rows =
        {
            [ACTION_SHIFT_VERSIONS] = {shift_versions, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                                  "weights are whole numbers, shares of their sum"}},
            [ACTION_SHIFT_ZONES] = {NULL, KUMA_CANNOT_ZONES, ACTION_FAIL_OVER, {NULL}},
            [ACTION_DRAIN_INSTANCE] = {NULL, KUMA_CANNOT_DRAIN, ACTION_TIGHTEN_EJECTION, {NULL}},
            [ACTION_TIGHTEN_EJECTION] = {tighten_ejection, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                                      "each calling proxy counts for itself"}},
            [ACTION_CIRCUIT_BREAKER] = {circuit_breaker, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                                    "each calling proxy counts for itself"}},
            [ACTION_RATE_LIMIT] = {rate_limit,
                                   .limits = {KUMA_LIMIT_MESH, "older 2.x versions write from instead of rules",
                                              "the service's proxies are found by the label app",
                                              "each instance counts for itself: divide by their number"}},
            [ACTION_CUT_RETRIES] = {cut_retries, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                            "gRPC calls have a setting of their own: default.grpc"}},
            [ACTION_SET_TIMEOUT] = {set_timeout, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH}},
            [ACTION_FAIL_OVER] = {fail_over, .limits = {KUMA_LIMIT_LABELS, KUMA_LIMIT_MESH,
                                                        "zones are those of the multi-zone deployment"}},
        },
    .lists = kuma_lists,
    .about = about,
};
