#include "collector/fold/status.h"

bool roles_number(const roles_t *roles, role_t role, uint64_t *number) {
    slice_t text = roles->text[role];
    if (text.len == 0 || text.len > 18) return false;
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9) return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static bool told_success(slice_t text) {
    return slice_is(text, "true") || slice_is(text, "1") || slice_is(text, "ok") || slice_is(text, "success");
}

/* Whether any status was told, and what it means. */
static bool status_failure(const roles_t *roles, failure_t *failure) {
    uint64_t http, grpc;
    bool has_http = roles_number(roles, ROLE_HTTP_STATUS, &http);
    bool has_grpc = dialect_grpc_number(roles->text[ROLE_GRPC_STATUS], &grpc);
    *failure = has_http ? dialect_http_failure(http) : FAILURE_NONE;
    if (*failure == FAILURE_NONE && has_grpc) *failure = dialect_grpc_failure(grpc);
    if (!has_http && *failure == FAILURE_NONE) *failure = dialect_class_failure(roles->text[ROLE_STATUS_CLASS]);
    return has_http || has_grpc || roles_has(roles, ROLE_STATUS_CLASS);
}

failure_t roles_failure(const roles_t *roles) {
    failure_t failure;
    bool told = status_failure(roles, &failure);
    if (failure == FAILURE_NONE && !told) {
        if (dialect_error(roles->text[ROLE_ERROR])) failure = FAILURE_SERVER;
    }
    /* whoever classifies knows more than the status: a stream that broke after its 200, say */
    bool classified = roles_has(roles, ROLE_SUCCESS) && !told_success(roles->text[ROLE_SUCCESS]);
    if (failure == FAILURE_NONE && classified) failure = FAILURE_SERVER;
    failure_t why = dialect_flags_failure(roles->text[ROLE_RESPONSE_FLAGS]);
    return why != FAILURE_NONE && (failure != FAILURE_NONE || !told) ? why : failure;
}

protocol_t roles_protocol(const roles_t *roles) {
    static const struct {
        const char *text;
        protocol_t protocol;
    } protocols[] = {
        {"http", PROTOCOL_HTTP},         {"grpc", PROTOCOL_GRPC},           {"tcp", PROTOCOL_TCP},
        {"database", PROTOCOL_DATABASE}, {"messaging", PROTOCOL_MESSAGING}, {"messaging_system", PROTOCOL_MESSAGING},
        {"HTTP/1.1", PROTOCOL_HTTP},     {"HTTP/2", PROTOCOL_HTTP},         {"HTTP/1.0", PROTOCOL_HTTP},
        {"HTTP/3", PROTOCOL_HTTP},
    };
    if (roles_has(roles, ROLE_DATABASE)) return PROTOCOL_DATABASE;
    if (roles_has(roles, ROLE_MESSAGING)) return PROTOCOL_MESSAGING;
    uint64_t grpc;
    if (dialect_grpc_number(roles->text[ROLE_GRPC_STATUS], &grpc) || roles_has(roles, ROLE_RPC_SYSTEM))
        return PROTOCOL_GRPC;
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
        if (slice_is(roles->text[ROLE_PROTOCOL], protocols[i].text)) return protocols[i].protocol;
    if (roles_has(roles, ROLE_RPC_METHOD)) return PROTOCOL_GRPC;
    return roles_has(roles, ROLE_METHOD) || roles_has(roles, ROLE_HTTP_STATUS) ? PROTOCOL_HTTP : PROTOCOL_UNKNOWN;
}

static uint32_t join(names_t *names, slice_t first, char between, slice_t second) {
    char space[2 * NAME_BYTES_MAX + 1];
    if (first.len == 0) return names_intern(names, second);
    if (first.len > NAME_BYTES_MAX) first.len = NAME_BYTES_MAX;
    if (second.len > NAME_BYTES_MAX) second.len = NAME_BYTES_MAX;
    memcpy(space, first.data, first.len);
    space[first.len] = between;
    memcpy(space + first.len + 1, second.data, second.len);
    return names_intern(names, slice_of(space, first.len + 1 + second.len));
}

uint32_t roles_operation(names_t *names, const roles_t *roles) {
    if (roles_has(roles, ROLE_OPERATION)) return names_intern(names, roles->text[ROLE_OPERATION]);
    if (roles_has(roles, ROLE_ROUTE)) return join(names, roles->text[ROLE_METHOD], ' ', roles->text[ROLE_ROUTE]);
    if (roles_has(roles, ROLE_RPC_METHOD))
        return join(names, roles->text[ROLE_RPC_SERVICE], '/', roles->text[ROLE_RPC_METHOD]);
    return NAME_NONE;
}
