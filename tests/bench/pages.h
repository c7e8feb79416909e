/* pages: what an Istio sidecar's /stats/prometheus looks like, in size and in kind: many families of Envoy's own that
 * nobody reads, and Istio's standard metrics with all of their labels. */
#ifndef SEISMESH_BENCH_PAGES_H
#define SEISMESH_BENCH_PAGES_H

#include "base/buffer.h"

static inline void page_istio_labels(buffer_t *out, unsigned target, unsigned peer, unsigned code) {
    buffer_format(
        out,
        "{reporter=\"destination\",source_workload=\"service-%02u\",source_canonical_service=\"service-%02u\","
        "source_canonical_revision=\"latest\",source_workload_namespace=\"shop\",source_principal=\"spiffe://"
        "cluster.local/ns/shop/sa/service-%02u\",source_app=\"service-%02u\",source_version=\"v1\","
        "source_cluster=\"Kubernetes\",destination_workload=\"backend-%u\",destination_workload_namespace="
        "\"shop\",destination_principal=\"spiffe://cluster.local/ns/shop/sa/backend-%u\",destination_app="
        "\"backend-%u\",destination_version=\"v1\",destination_service=\"backend-%u.shop.svc.cluster.local\","
        "destination_canonical_service=\"backend-%u\",destination_canonical_revision=\"v1\","
        "destination_service_name=\"backend-%u\",destination_service_namespace=\"shop\",destination_cluster="
        "\"Kubernetes\",request_protocol=\"http\",response_code=\"%u\",grpc_response_status=\"\","
        "response_flags=\"-\",connection_security_policy=\"mutual_tls\"",
        peer, peer, peer, peer, target, target, target, target, target, target, code);
}

static inline void page_histogram(buffer_t *out, const char *name, unsigned target, unsigned peers, uint64_t scrape) {
    static const char *const bounds[] = {"0.5",   "1",      "5",      "10",      "25",      "50",    "100",
                                         "250",   "500",    "1000",   "2500",    "5000",    "10000", "30000",
                                         "60000", "300000", "600000", "1800000", "3600000", "+Inf"};
    buffer_format(out, "# TYPE %s histogram\n", name);
    for (unsigned peer = 0; peer < peers; peer++) {
        for (unsigned b = 0; b < 20; b++) {
            buffer_format(out, "%s_bucket", name);
            page_istio_labels(out, target, peer, 200);
            buffer_format(out, ",le=\"%s\"} %llu\n", bounds[b], (unsigned long long)(scrape * (b < 5 ? b : 5)));
        }
        buffer_format(out, "%s_sum", name);
        page_istio_labels(out, target, peer, 200);
        buffer_format(out, "} %.1f\n%s_count", (double)scrape * 87.5, name);
        page_istio_labels(out, target, peer, 200);
        buffer_format(out, "} %llu\n", (unsigned long long)scrape * 5);
    }
}

/* Envoy's stats of clusters: nobody's, but for a few families. */
static inline void page_envoy(buffer_t *out, unsigned families, unsigned clusters, uint64_t scrape) {
    for (unsigned family = 0; family < families; family++) {
        buffer_format(out, "# TYPE envoy_cluster_http2_stat_%u counter\n", family);
        for (unsigned cluster = 0; cluster < clusters; cluster++)
            buffer_format(out,
                          "envoy_cluster_http2_stat_%u{cluster_name=\"outbound|9080||service-%02u.shop.svc.cluster."
                          "local\"} %llu\n",
                          family, cluster, (unsigned long long)(scrape * family));
    }
}

/* `series` lines, give or take a few; a third of them Istio's. */
static inline void page_make(buffer_t *out, unsigned target, unsigned series, uint64_t scrape) {
    unsigned peers = series / 210 > 0 ? series / 210 : 1;
    buffer_text(out, "# TYPE istio_requests_total counter\n");
    for (unsigned peer = 0; peer < peers; peer++)
        for (unsigned code = 200; code <= 500; code += 300) {
            buffer_text(out, "istio_requests_total");
            page_istio_labels(out, target, peer, code);
            buffer_format(out, "} %llu\n", (unsigned long long)(scrape * (code == 200 ? 5 : 1)));
        }
    page_histogram(out, "istio_request_duration_milliseconds", target, peers, scrape);
    page_histogram(out, "istio_request_bytes", target, peers, scrape);
    page_histogram(out, "istio_response_bytes", target, peers, scrape);
    page_envoy(out, (series - peers * 68) / 20, 20, scrape);
}

#endif
