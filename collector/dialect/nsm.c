/* nsm: Network Service Mesh, which connects at layers 2 and 3: no requests, no statuses. A forwarder counts what went
 * through each connection, under names made at run time, "<segment of the path>_<what>"; the segment is a pod, so that
 * names are endings here. Numbers are written when a connection is made or refreshed, and become rates: on the edge
 * from the connection's client to the forwarder. Spans of the control plane are gRPC's, read as anybody's. Sources:
 * networkservicemesh/sdk common/metrics/server.go, sdk-vpp metrics/stats. */
#include "collector/dialect/tables.h"

static const dialect_attribute_t label[] = {
    {"connection", ROLE_OTHER, FORM_TEXT, 9, MESH_NONE},
    {NULL, ROLE_NONE, FORM_TEXT, 0, MESH_NONE},
};

#define RATE(name) SIGNAL_GAUGE, 0, OBSERVER_APP, ENTITY_SERVICE, name, ROLE_OTHER, ROLE_NONE, NULL
#define IGNORED    SIGNAL_IGNORED, 0, OBSERVER_NONE, ENTITY_SERVICE, NULL, ROLE_OTHER, ROLE_NONE, NULL

/* "server" is the forwarder's side towards the client of the connection, "client" that towards the endpoint: what goes
 * through is on both, so the former counts. */
static const dialect_metric_t metrics[] = {
    {"server_rx_bytes", RATE("connection.received_bytes")},
    {"server_tx_bytes", RATE("connection.sent_bytes")},
    {"server_rx_packets", RATE("connection.received_packets")},
    {"server_tx_packets", RATE("connection.sent_packets")},
    {"server_drops", RATE("connection.drops")},
    {"client_rx_bytes", IGNORED},
    {"client_tx_bytes", IGNORED},
    {"client_rx_packets", IGNORED},
    {"client_tx_packets", IGNORED},
    {"client_drops", RATE("connection.drops_behind")},
    {NULL, IGNORED},
};

const dialect_t dialect_nsm = {
    .name = "nsm", .mesh = MESH_NSM, .before = ROLE_INSTANCE, .label = label, .metrics = metrics};
