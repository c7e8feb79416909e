/* kubernetes_pod: which of a pod's ports show metrics that we read, and who the pod is. Two ways: a known proxy's
 * container (a table), and the annotations prometheus.io/scrape, port, path and scheme, which ask for the first port
 * that is declared where they name none. `prometheus.io/scrape: "false"` asks to leave the pod alone, its proxy too.
 *
 * The pod becomes resource attributes as a Collector's k8sattributes and labels give them: k8s.pod.name, k8s.pod.uid,
 * k8s.namespace.name, k8s.node.name, k8s.container.name, the workload (k8s.deployment.name …), `app`, and its version:
 * the label `version`, or pod-template-hash where the mesh itself tells versions by it (Linkerd). */
#ifndef SEISMESH_SCRAPE_KUBERNETES_POD_H
#define SEISMESH_SCRAPE_KUBERNETES_POD_H

#include "base/buffer.h"

#include <jansson.h>

enum { POD_TARGETS_MAX = 4 };

typedef struct {
    char address[300], path[512], scheme[8];
    buffer_t resource; /* attributes, see origin_t */
    int64_t start_ns;  /* since when a known proxy's container runs; 0 = not known, or it was started again since */
} pod_target_t;

typedef struct {
    char *uid, *node; /* node: "" before it is scheduled */
    pod_target_t targets[POD_TARGETS_MAX];
    size_t count;
} pod_t;

/* Reads a Pod object of the API. NULL when it has no uid. A pod that does not run, or has nothing to show, has no
 * targets. */
pod_t *pod_read(const json_t *object);
void pod_free(pod_t *pod);

#endif
