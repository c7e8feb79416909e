#include "web/target.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <stdlib.h>

void target_fini(target_t *target) {
    free(target->memory);
    *target = (target_t){0};
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Shortest form only, no surrogates (RFC 3629), and no control characters: nothing that a log, a header or a terminal
 * could take for more than text. */
static bool is_plain_text(slice_t text) {
    bytes_t in = bytes_of(text);
    uint8_t first;
    while (bytes_byte(&in, &first)) {
        if (first < 0x20 || first == 0x7f) return false;
        if (first < 0x80) continue;
        int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        uint32_t point = first & (0x3fu >> more);
        if (first < 0xc2 || first > 0xf4) return false;
        for (int i = 0; i < more; i++) {
            uint8_t next;
            if (!bytes_byte(&in, &next) || (next & 0xc0) != 0x80) return false;
            point = point << 6 | (next & 0x3f);
        }
        if (more > 1 && point < (more == 2 ? 0x800u : 0x10000u)) return false;
        if ((point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff || (point >= 0x80 && point < 0xa0)) return false;
    }
    return true;
}

/* Decodes one component into `*to` and a terminator behind it. */
static const char *decode(slice_t raw, bool plus_is_space, char **to) {
    char *start = *to;
    bytes_t in = bytes_of(raw);
    uint8_t c;
    while (bytes_left(&in) > 0 && bytes_byte(&in, &c)) {
        if (c == '%') {
            uint8_t high = 0, low = 0;
            if (!bytes_byte(&in, &high) || !bytes_byte(&in, &low)) return NULL;
            if (hex_value(high) < 0 || hex_value(low) < 0) return NULL;
            c = (uint8_t)(hex_value(high) * 16 + hex_value(low));
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *(*to)++ = (char)c;
    }
    if (!is_plain_text(slice_of(start, (size_t)(*to - start)))) return NULL;
    *(*to)++ = '\0';
    return start;
}

/* What comes before `separator` in *rest, which then begins behind it. */
static slice_t take_until(slice_t *rest, char separator, bool *found) {
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->data, separator, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - rest->data);
    slice_t part = slice_of(rest->data, len);
    size_t skipped = at == NULL ? len : len + 1;
    *rest = slice_of(rest->data + skipped, rest->len - skipped);
    if (found != NULL) *found = at != NULL;
    return part;
}

static err_t parse_path(slice_t path, target_t *target, char **to, const char **why) {
    if (path.len == 0 || path.data[0] != '/') {
        *why = "The request target must be a path that begins with '/'.";
        return ERR_MALFORMED;
    }
    slice_t rest = slice_of(path.data + 1, path.len - 1);
    bool more = rest.len > 0;
    while (more) {
        slice_t raw = take_until(&rest, '/', &more);
        if (target->segment_count == TARGET_SEGMENTS_MAX) {
            *why = "The path has more segments than any resource here.";
            return ERR_TOO_LARGE;
        }
        const char *text = decode(raw, false, to);
        if (text == NULL) {
            *why = "The path has a broken percent-escape, or bytes that are not UTF-8 text.";
            return ERR_MALFORMED;
        }
        target->segments[target->segment_count++] = text;
    }
    return ERR_OK;
}

static err_t parse_query(slice_t query, target_t *target, char **to, const char **why) {
    while (query.len > 0) {
        slice_t pair = take_until(&query, '&', NULL);
        if (pair.len == 0) continue;
        if (target->parameter_count == TARGET_PARAMETERS_MAX) {
            *why = "The query has more than 32 parameters.";
            return ERR_TOO_LARGE;
        }
        slice_t name = take_until(&pair, '=', NULL);
        target_parameter_t parameter;
        parameter.name = decode(name, true, to);
        parameter.value = parameter.name == NULL ? NULL : decode(pair, true, to);
        if (parameter.value == NULL || parameter.name[0] == '\0') {
            *why =
                "The query has a parameter without a name, a broken percent-escape, or bytes that are not UTF-8 text.";
            return ERR_MALFORMED;
        }
        target->parameters[target->parameter_count++] = parameter;
    }
    return ERR_OK;
}

err_t target_parse(slice_t raw, target_t *target, const char **why) {
    *target = (target_t){0};
    *why = "";
    if (raw.len > TARGET_BYTES_MAX) {
        *why = "The request target is longer than 8192 bytes.";
        return ERR_TOO_LARGE;
    }
    slice_t query = raw;
    slice_t path = take_until(&query, '?', NULL);
    /* Decoding never lengthens; each component needs one terminator more than its separator takes. */
    char *to = target->memory = memory_new(raw.len + TARGET_SEGMENTS_MAX + 2 * TARGET_PARAMETERS_MAX + 2, 1);
    err_t err = parse_path(path, target, &to, why);
    if (err == ERR_OK) err = parse_query(query, target, &to, why);
    if (err != ERR_OK) target_fini(target);
    return err;
}
