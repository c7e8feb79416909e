/* /api/v1/anomalies: every anomalous series, bucket by bucket. */
#include "web/documents.h"
#include "web/routes.h"
#include "web/values.h"

typedef struct {
    const query_t *query;
    json_t *list;
} anomalies_t;

static bool add(void *context, const query_anomaly_t *anomaly) {
    anomalies_t *anomalies = context;
    json_array_append_new(anomalies->list, document_anomaly(anomalies->query, anomaly));
    return true;
}

void api_anomalies(web_request_t *request) {
    query_anomalies_t ask = {
        .start_ns = request->start_ns, .end_ns = request->end_ns, .service = QUERY_ANY, .limit = request->limit};
    const char *service = request_text(request, "service");
    if (!request_list_cursor(request, &ask.cursor)) return;
    if (service != NULL && (ask.service = query_find_name(request->query, service)) == UINT32_MAX) {
        answer_json(request, 200, json_pack("{s[],sn}", "anomalies", "next"));
        return;
    }
    anomalies_t anomalies = {request->query, json_array()};
    err_t err = query_anomalies(request->query, &ask, add, &anomalies);
    if (err == ERR_OK)
        answer_json(request, 200,
                    json_pack("{sO,so}", "anomalies", anomalies.list, "next", document_next(&ask.cursor)));
    else
        answer_store_error(request, err);
    json_decref(anomalies.list);
}
