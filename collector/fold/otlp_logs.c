/* Access logs of proxies count as requests when they tell a status and a duration: as attributes, as a structured body,
 * as JSON in the body, or as one of the default lines of Envoy and Istio. All other logs are counted and dropped. The
 * time of an access log is when the request began, so it ended a duration later. */
#include "collector/fold/access_line.h"
#include "collector/fold/json_scan.h"
#include "collector/fold/meshes.h"
#include "collector/fold/otlp_walk.h"
#include "collector/fold/sighting.h"
#include "collector/fold/status.h"

#include <math.h>

typedef struct {
    uint64_t time_ns, observed_ns;
    slice_t trace_id, span_id;
    roles_t roles;
    char texts[ROLES][32];
} record_t;

typedef struct {
    fold_t *fold;
    int64_t arrival_ns;
    const resource_t *resource;
    record_t record;
} reader_t;

static void set_role(reader_t *r, slice_t key, slice_t text) {
    const dialect_attribute_t *row = key.len > 0 ? dialect_find(&r->fold->dialects->log, key) : NULL;
    if (row == NULL || slice_is(text, "-")) return;
    roles_set(&r->record.roles, row, text);
    slice_t side = dialect_form_side(row->form, text);
    if (side.len > 0 && r->record.roles.rank[ROLE_REPORTER] == 0)
        roles_set(&r->record.roles, &(dialect_attribute_t){.key = "", .role = ROLE_REPORTER, .rank = 1}, side);
}

static bool read_attribute(reader_t *r, slice_t message) {
    slice_t key;
    otlp_value_t value;
    if (!otlp_key_value(message, &key, &value)) return false;
    const dialect_attribute_t *row = key.len > 0 ? dialect_find(&r->fold->dialects->log, key) : NULL;
    if (row == NULL || r->record.roles.rank[row->role] > row->rank) return true;
    set_role(r, key, otlp_value_text(&value, r->record.texts[row->role]));
    return true;
}

static void read_line(reader_t *r, slice_t line) {
    access_field_t fields[ACCESS_FIELDS_MAX];
    uint32_t count = access_line_read(line, fields);
    for (uint32_t i = 0; i < count; i++) set_role(r, slice_text(fields[i].key), fields[i].text);
}

/* Members of a JSON object that are texts or numbers. What is no JSON tells nothing. */
static void read_json(reader_t *r, slice_t text) {
    json_scan_t scan = json_scan_of(text);
    slice_t key, value;
    bool escaped, key_escaped, first = true;
    if (!json_open(&scan, '{')) return;
    while (json_more(&scan, '}', &first) && json_key(&scan, &key, &key_escaped)) {
        uint8_t next = json_peek(&scan);
        bool number = next == '-' || (next >= '0' && next <= '9');
        if (next != '"' && !number) {
            if (!json_skip(&scan)) return;
            continue;
        }
        escaped = false;
        if (number ? !json_number(&scan, &value) : !json_quoted(&scan, &value, &escaped)) return;
        if (!escaped && !key_escaped) set_role(r, key, value);
    }
}

static bool read_members(reader_t *r, slice_t list) {
    bytes_t in = bytes_of(list);
    wire_field_t field;
    while (wire_next(&in, &field))
        if (field.number == 1 && field.type == WIRE_BLOCK && !read_attribute(r, field.block)) return false;
    return bytes_done(&in);
}

static bool read_body(reader_t *r, slice_t message) {
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        if (field.type != WIRE_BLOCK || field.block.len == 0) continue;
        if (field.number == 1 && field.block.data[0] == '{') read_json(r, field.block);
        if (field.number == 1 && field.block.data[0] == '[') read_line(r, field.block);
        if (field.number == 6 && !read_members(r, field.block)) return false;
    }
    return bytes_done(&in);
}

static bool read_record(reader_t *r, slice_t message) {
    record_t *record = &r->record;
    record->time_ns = record->observed_ns = 0;
    record->trace_id = record->span_id = slice_of(NULL, 0);
    roles_clear(&record->roles);
    bytes_t in = bytes_of(message);
    wire_field_t field;
    while (wire_next(&in, &field)) {
        switch (field.number << 3 | field.type) {
        case 1 << 3 | WIRE_FIXED64:
            record->time_ns = field.value;
            break;
        case 11 << 3 | WIRE_FIXED64:
            record->observed_ns = field.value;
            break;
        case 5 << 3 | WIRE_BLOCK:
            if (!read_body(r, field.block)) return false;
            break;
        case 6 << 3 | WIRE_BLOCK:
            if (!read_attribute(r, field.block)) return false;
            break;
        case 9 << 3 | WIRE_BLOCK:
            record->trace_id = field.block;
            break;
        case 10 << 3 | WIRE_BLOCK:
            record->span_id = field.block;
            break;
        default:
            break;
        }
    }
    return bytes_done(&in);
}

/* A request has a duration, and a status of some kind (a connection's is its flags, or none at all). */
static bool duration_of(const record_t *record, uint64_t *duration_ns) {
    const roles_t *roles = &record->roles;
    bool nanoseconds = !roles_has(roles, ROLE_DURATION_MS);
    otlp_value_t value = {.type = VALUE_TEXT, .text = roles->text[nanoseconds ? ROLE_DURATION_NS : ROLE_DURATION_MS]};
    double amount, limit = nanoseconds ? 1e18 : 1e12;
    bool status = roles_has(roles, ROLE_HTTP_STATUS) || roles_has(roles, ROLE_GRPC_STATUS) ||
                  slice_is(roles->text[ROLE_PROTOCOL], "tcp");
    if (!status || !otlp_value_number(&value, &amount) || !(amount >= 0 && amount < limit)) return false;
    *duration_ns = (uint64_t)llround(nanoseconds ? amount : amount * 1e6);
    return true;
}

/* When the request ended; 0 when the record tells no time that can be. */
static int64_t end_of(const record_t *record, uint64_t duration_ns) {
    uint64_t end = record->time_ns > 0 ? record->time_ns + duration_ns : record->observed_ns;
    return end < record->time_ns || end > INT64_MAX ? 0 : (int64_t)end;
}

static bool admitted(const reader_t *r, int64_t end_ns) {
    admission_t admission = end_ns == 0 ? TOO_LATE : fold_admit(r->fold, end_ns, r->arrival_ns);
    if (admission == TOO_LATE) counters_add(r->fold->counters, COUNTER_DROPPED_LOG_LATE, 1);
    if (admission == IN_FUTURE) counters_add(r->fold->counters, COUNTER_DROPPED_LOG_FUTURE, 1);
    return admission == ADMITTED;
}

/* A proxy whose resource names nobody stands before the service that the request was sent to. */
static void name_callee(reader_t *r) {
    roles_t *roles = &r->record.roles;
    slice_t own = names_text(&r->fold->shard.names, r->resource->service);
    if (dialect_side(roles->text[ROLE_REPORTER]) != SIDE_CALLEE || roles_has(roles, ROLE_CALLEE)) return;
    if (!slice_is(own, "unknown") || dialect_is_address(roles->text[ROLE_PEER_HOST])) return;
    roles->text[ROLE_CALLEE] = roles->text[ROLE_PEER_HOST];
    roles->text[ROLE_CALLEE_NAMESPACE] = roles->text[ROLE_PEER_HOST_NAMESPACE];
}

static void add_exemplar(const record_t *record, cell_t *cell, failure_t failure, int64_t end_ns,
                         uint64_t duration_ns) {
    exemplar_t exemplar = {.duration_ns = duration_ns, .end_ns = end_ns};
    if (record->trace_id.len != sizeof exemplar.trace_id || record->span_id.len != sizeof exemplar.span_id) return;
    memcpy(exemplar.trace_id, record->trace_id.data, sizeof exemplar.trace_id);
    memcpy(exemplar.span_id, record->span_id.data, sizeof exemplar.span_id);
    cell_exemplar(cell, failure, &exemplar);
}

static void count_request(reader_t *r, int64_t end_ns, uint64_t duration_ns) {
    cell_t *cells[ENTITY_KINDS];
    sighting_t sighting;
    const record_t *record = &r->record;
    uint64_t request_bytes = 0, response_bytes = 0;
    name_callee(r);
    manner_t manner = {.observer = OBSERVER_LOG, .edge_only = slice_is(record->roles.text[ROLE_PROTOCOL], "tcp")};
    sighting_read(r->fold, r->resource, &record->roles, manner, &sighting);
    (void)roles_number(&record->roles, ROLE_REQUEST_BYTES, &request_bytes);
    (void)roles_number(&record->roles, ROLE_RESPONSE_BYTES, &response_bytes);
    failure_t failure = roles_failure(&record->roles);
    uint32_t count = sighting_cells(r->fold, &sighting, end_ns, cells);
    if (count == 0) counters_add(r->fold->counters, COUNTER_DROPPED_LOG_NO_REQUEST, 1);
    if (count > 0) meshes_count(r->fold, sighting.mesh, MESH_ACCESS_LOGS);
    for (uint32_t i = 0; i < count; i++) {
        cell_request(cells[i], failure, duration_ns);
        cells[i]->request_bytes += request_bytes;
        cells[i]->response_bytes += response_bytes;
        add_exemplar(record, cells[i], failure, end_ns, duration_ns);
    }
}

static bool fold_log(void *context, slice_t message) {
    reader_t *r = context;
    uint64_t duration_ns;
    if (!read_record(r, message)) return false;
    counters_add(r->fold->counters, COUNTER_FOLDED_LOGS, 1);
    if (!duration_of(&r->record, &duration_ns)) {
        counters_add(r->fold->counters, COUNTER_DROPPED_LOG_NO_REQUEST, 1);
        return true;
    }
    int64_t end_ns = end_of(&r->record, duration_ns);
    if (admitted(r, end_ns)) count_request(r, end_ns, duration_ns);
    return true;
}

static bool begin_resource(void *context, slice_t resource) {
    reader_t *r = context;
    r->resource = identity_resource(r->fold->identity, resource);
    return true;
}

err_t fold_logs(fold_t *fold, int64_t arrival_ns, slice_t body) {
    static const otlp_visitor_t visitor = {.resource = begin_resource, .item = fold_log};
    reader_t reader;
    reader.fold = fold;
    reader.arrival_ns = arrival_ns;
    return otlp_walk(body, &visitor, &reader);
}
