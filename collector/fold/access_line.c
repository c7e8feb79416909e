/* Fields stand apart by blanks; a text in quotes or brackets is one field. Both formats begin alike: time in brackets,
 * request in quotes, status, flags; then Envoy goes on with a number of bytes, Istio with the details of the answer.
 * Sources: envoyproxy/envoy access log "default format string"; istio/istio pilot/pkg/model/telemetry_logging.go. */
#include "collector/fold/access_line.h"

#include <ctype.h>

static const char *const envoy_layout[] = {
    "", "", "response_code", "response_flags", "bytes_received", "bytes_sent", "duration", "", "",
    "", "", "authority",     "upstream_host"};
static const char *const istio_layout[] = {"",
                                           "",
                                           "response_code",
                                           "response_flags",
                                           "",
                                           "",
                                           "",
                                           "bytes_received",
                                           "bytes_sent",
                                           "duration",
                                           "",
                                           "",
                                           "",
                                           "",
                                           "authority",
                                           "upstream_host",
                                           "upstream_cluster",
                                           "",
                                           "",
                                           "",
                                           "requested_server_name",
                                           "route_name"};

/* The next field; false at the end, or when a quote or bracket is never closed. */
static bool next_field(slice_t line, size_t *at, slice_t *field) {
    while (*at < line.len && isspace(line.data[*at])) (*at)++;
    if (*at == line.len) return false;
    uint8_t open = line.data[*at], close = open == '"' ? '"' : open == '[' ? ']' : 0;
    size_t from = close != 0 ? *at + 1 : *at, end = from;
    while (end < line.len && (close != 0 ? line.data[end] != close : !isspace(line.data[end]))) end++;
    if (close != 0 && end == line.len) return false;
    *field = slice_of(line.data + from, end - from);
    *at = end + (close != 0);
    return true;
}

static bool is_number(slice_t text) {
    for (size_t i = 0; i < text.len; i++)
        if (!isdigit(text.data[i])) return false;
    return text.len > 0;
}

static uint32_t put(access_field_t *fields, uint32_t count, const char *key, slice_t text) {
    if (key[0] == '\0' || text.len == 0 || slice_is(text, "-")) return count;
    fields[count] = (access_field_t){key, text};
    return count + 1;
}

/* "GET /path HTTP/1.1"; "- - -" of a connection without requests. */
static bool read_request(slice_t request, slice_t parts[3]) {
    size_t at = 0;
    slice_t more;
    for (int i = 0; i < 3; i++)
        if (!next_field(request, &at, &parts[i])) return false;
    return !next_field(request, &at, &more);
}

uint32_t access_line_read(slice_t line, access_field_t fields[ACCESS_FIELDS_MAX]) {
    slice_t parts[ACCESS_FIELDS_MAX], request[3];
    uint32_t found = 0, count = 0;
    size_t at = 0;
    if (line.len == 0 || line.data[0] != '[') return 0;
    while (found < ACCESS_FIELDS_MAX && next_field(line, &at, &parts[found])) found++;
    if (found < 7 || !is_number(parts[2]) || !read_request(parts[1], request)) return 0;
    bool envoy = is_number(parts[4]);
    const char *const *layout = envoy ? envoy_layout : istio_layout;
    uint32_t known = (uint32_t)(envoy ? sizeof envoy_layout : sizeof istio_layout) / (uint32_t)sizeof *layout;
    if (!is_number(parts[4]) && (found < 10 || !is_number(parts[7]))) return 0;
    bool connection = slice_is(request[0], "-") && slice_is(parts[2], "0");
    count = put(fields, count, "method", request[0]);
    count = put(fields, count, "protocol", connection ? slice_text("tcp") : request[2]);
    for (uint32_t i = connection ? 3 : 2; i < found && i < known && count < ACCESS_FIELDS_MAX; i++)
        count = put(fields, count, layout[i], parts[i]);
    return count;
}
