/* pages: what an Istio sidecar's /stats/prometheus looks like, in size and in kind: many families of Envoy's own that
 * nobody reads, and Istio's standard metrics with all of their labels. A template: "@@@@" stands for the number of the
 * target, "##########" for what was counted so far, so that a page is made by copying and overwriting. */
#ifndef SEISMESH_BENCH_PAGES_H
#define SEISMESH_BENCH_PAGES_H

#include "base/buffer.h"

#include <stdio.h>

#define PAGE_TARGET "@@@@"
#define PAGE_COUNT  "##########"

static inline void page_istio_labels(buffer_t *out, unsigned peer, unsigned code) {
    buffer_format(
        out,
        "{reporter=\"destination\",source_workload=\"service-%02u\",source_canonical_service=\"service-%02u\","
        "source_canonical_revision=\"latest\",source_workload_namespace=\"shop\",source_principal=\"spiffe://"
        "cluster.local/ns/shop/sa/service-%02u\",source_app=\"service-%02u\",source_version=\"v1\","
        "source_cluster=\"Kubernetes\",destination_workload=\"backend-" PAGE_TARGET
        "\",destination_workload_namespace=\"shop\",destination_principal=\"spiffe://cluster.local/ns/shop/sa/"
        "backend-" PAGE_TARGET "\",destination_app=\"backend-" PAGE_TARGET
        "\",destination_version=\"v1\",destination_service=\"backend-" PAGE_TARGET
        ".shop.svc.cluster.local\",destination_canonical_service=\"backend-" PAGE_TARGET
        "\",destination_canonical_revision=\"v1\",destination_service_name=\"backend-" PAGE_TARGET
        "\",destination_service_namespace=\"shop\",destination_cluster=\"Kubernetes\",request_protocol=\"http\","
        "response_code=\"%u\",grpc_response_status=\"\",response_flags=\"-\",connection_security_policy="
        "\"mutual_tls\"",
        peer, peer, peer, peer, code);
}

static inline void page_histogram(buffer_t *out, const char *name, unsigned peers) {
    static const char *const bounds[] = {"0.5",   "1",      "5",      "10",      "25",      "50",    "100",
                                         "250",   "500",    "1000",   "2500",    "5000",    "10000", "30000",
                                         "60000", "300000", "600000", "1800000", "3600000", "+Inf"};
    buffer_format(out, "# TYPE %s histogram\n", name);
    for (unsigned peer = 0; peer < peers; peer++) {
        for (unsigned b = 0; b < 20; b++) {
            buffer_format(out, "%s_bucket", name);
            page_istio_labels(out, peer, 200);
            buffer_format(out, ",le=\"%s\"} %s\n", bounds[b], b < 5 ? "0" : PAGE_COUNT);
        }
        buffer_format(out, "%s_sum", name);
        page_istio_labels(out, peer, 200);
        buffer_format(out, "} " PAGE_COUNT ".5\n%s_count", name);
        page_istio_labels(out, peer, 200);
        buffer_format(out, "} " PAGE_COUNT "\n");
    }
}

/* Envoy's stats of clusters, which nobody reads. */
static inline void page_envoy(buffer_t *out, unsigned families, unsigned clusters) {
    for (unsigned family = 0; family < families; family++) {
        buffer_format(out, "# TYPE envoy_cluster_http2_stat_%u counter\n", family);
        for (unsigned cluster = 0; cluster < clusters; cluster++)
            buffer_format(out,
                          "envoy_cluster_http2_stat_%u{cluster_name=\"outbound|9080||service-%02u.shop.svc.cluster."
                          "local\"} " PAGE_COUNT "\n",
                          family, cluster);
    }
}

/* `series` lines, give or take a few; a third of them Istio's. */
static inline void page_sidecar(buffer_t *out, unsigned series) {
    unsigned peers = series / 210 > 0 ? series / 210 : 1;
    buffer_text(out, "# TYPE istio_requests_total counter\n");
    for (unsigned peer = 0; peer < peers; peer++)
        for (unsigned code = 200; code <= 500; code += 300) {
            buffer_text(out, "istio_requests_total");
            page_istio_labels(out, peer, code);
            buffer_text(out, "} " PAGE_COUNT "\n");
        }
    page_histogram(out, "istio_request_duration_milliseconds", peers);
    page_histogram(out, "istio_request_bytes", peers);
    page_histogram(out, "istio_response_bytes", peers);
    page_envoy(out, (series - peers * 68) / 20, 20);
}

static inline void page_overwrite(buffer_t *page, const char *sign, unsigned long long number) {
    char digits[32];
    size_t len = strlen(sign);
    (void)snprintf(digits, sizeof digits, "%0*llu", (int)len, number);
    for (size_t at = 0; at + len <= page->len;) {
        uint8_t *found = memmem(page->data + at, page->len - at, sign, len);
        if (found == NULL) break;
        memcpy(found, digits, len);
        at = (size_t)(found - page->data) + len;
    }
}

/* A page of target `target` that has counted `count` of everything. */
static inline void page_fill(buffer_t *page, unsigned target, unsigned long long count) {
    page_overwrite(page, PAGE_TARGET, target);
    page_overwrite(page, PAGE_COUNT, count);
}

#endif
