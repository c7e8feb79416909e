#include "collector/fold/json_scan.h"

bool json_open(json_scan_t *scan, char bracket) {
    if (!json_take(scan, (uint8_t)bracket, bracket == '{' ? "not an object" : "not an array")) return false;
    if (scan->depth == JSON_DEPTH_MAX) {
        scan->too_deep = true;
        return json_fail(scan, "nested too deeply");
    }
    scan->depth++;
    return true;
}

static bool is_hex(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static uint8_t byte_at(const json_scan_t *scan, size_t at) {
    return at < scan->text.len ? scan->text.data[at] : 0;
}

/* Checks the escape whose backslash stands at `at`; returns its length, 0 when it is none. */
static size_t escape_length(const json_scan_t *scan, size_t at) {
    uint8_t kind = byte_at(scan, at + 1);
    if (kind == 'u') {
        for (size_t i = 2; i < 6; i++)
            if (!is_hex(byte_at(scan, at + i))) return 0;
        return 6;
    }
    return kind != 0 && strchr("\"\\/bfnrt", kind) != NULL ? 2 : 0;
}

/* Eight bytes at once: bit 7 of each byte that is a quote, a backslash or a control character. Bytes behind a hit may
 * be marked falsely (borrows run upwards), the first one never is. */
static uint64_t special_bytes(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word)) & tops;
}

/* Moves over ordinary bytes, eight at a time. */
static size_t plain_run(slice_t text, size_t at) {
    while (text.len - at >= 8) {
        uint64_t word;
        memcpy(&word, text.data + at, 8);
        uint64_t special = special_bytes(word);
        if (special != 0) return at + (size_t)__builtin_ctzll(special) / 8;
        at += 8;
    }
    while (at < text.len && text.data[at] != '"' && text.data[at] != '\\' && text.data[at] >= 0x20) at++;
    return at;
}

bool json_quoted(json_scan_t *scan, slice_t *raw, bool *escaped) {
    if (!json_take(scan, '"', "not a text")) return false;
    size_t from = scan->at, at = from;
    *escaped = false;
    while (true) {
        at = plain_run(scan->text, at);
        uint8_t byte = byte_at(scan, at);
        if (byte == '"') break;
        size_t length = byte == '\\' ? escape_length(scan, at) : 0;
        if (length == 0) {
            scan->at = at;
            return json_fail(scan, at == scan->text.len ? "a text has no end"
                                   : byte == '\\'       ? "an escape that JSON does not have"
                                                        : "a control character within a text");
        }
        *escaped = true;
        at += length;
    }
    *raw = slice_of(scan->text.data + from, at - from);
    scan->at = at + 1;
    return true;
}

bool json_key(json_scan_t *scan, slice_t *raw, bool *escaped) {
    return json_quoted(scan, raw, escaped) && json_take(scan, ':', "a colon is missing");
}

static size_t digits(const json_scan_t *scan, size_t at) {
    while (is_digit(byte_at(scan, at))) at++;
    return at;
}

bool json_number(json_scan_t *scan, slice_t *text) {
    (void)json_peek(scan);
    size_t from = scan->at, at = from + (byte_at(scan, from) == '-'), after;
    after = digits(scan, at);
    bool fine = after > at && (after == at + 1 || byte_at(scan, at) != '0');
    if (fine && byte_at(scan, after) == '.') {
        at = after + 1;
        after = digits(scan, at);
        fine = after > at;
    }
    if (fine && (byte_at(scan, after) | 0x20) == 'e') {
        at = after + 1;
        at += byte_at(scan, at) == '+' || byte_at(scan, at) == '-';
        after = digits(scan, at);
        fine = after > at;
    }
    if (!fine) return json_fail(scan, "not a number");
    *text = slice_of(scan->text.data + from, after - from);
    scan->at = after;
    return true;
}

bool json_word(json_scan_t *scan, const char *word) {
    (void)json_peek(scan);
    size_t len = strlen(word);
    if (scan->text.len - scan->at < len || memcmp(scan->text.data + scan->at, word, len) != 0)
        return json_fail(scan, "not a JSON value");
    scan->at += len;
    return true;
}

/* Recursion is bounded by json_open. */
static bool skip_members(json_scan_t *scan, char bracket) {
    slice_t raw;
    bool escaped, first = true, object = bracket == '{';
    if (!json_open(scan, bracket)) return false;
    while (json_more(scan, object ? '}' : ']', &first)) {
        if (object && !json_key(scan, &raw, &escaped)) return false;
        if (!json_skip(scan)) return false;
    }
    return scan->fault == NULL;
}

bool json_skip(json_scan_t *scan) {
    slice_t raw;
    bool escaped;
    switch (json_peek(scan)) {
    case '{':
        return skip_members(scan, '{');
    case '[':
        return skip_members(scan, '[');
    case '"':
        return json_quoted(scan, &raw, &escaped);
    case 't':
        return json_word(scan, "true");
    case 'f':
        return json_word(scan, "false");
    case 'n':
        return json_word(scan, "null");
    case 0:
        return json_fail(scan, "the text ends too early");
    default:
        return json_number(scan, &raw);
    }
}

bool json_end(json_scan_t *scan) {
    if (scan->fault == NULL && (json_peek(scan) != 0 || scan->at < scan->text.len))
        return json_fail(scan, "something stands behind the end");
    return scan->fault == NULL;
}

static uint32_t hex4(slice_t raw, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t byte = raw.data[at + i];
        value = value << 4 | (uint32_t)(is_digit(byte) ? byte - '0' : (byte | 0x20) - 'a' + 10);
    }
    return value;
}

/* The code point of the \u escape at `at`; moves over it, and over its second half where it is a surrogate. */
static uint32_t code_point(slice_t raw, size_t *at) {
    uint32_t high = hex4(raw, *at + 2);
    *at += 6;
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || raw.len - *at < 6 || raw.data[*at] != '\\' || raw.data[*at + 1] != 'u') return 0xfffd;
    uint32_t low = hex4(raw, *at + 2);
    if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
    *at += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static size_t put_utf8(uint8_t *out, uint32_t point) {
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t lead[4] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--, point >>= 6) out[i] = (uint8_t)(0x80 | (point & 0x3f));
    out[0] = (uint8_t)(lead[more] | point);
    return more + 1;
}

static uint8_t plain_escape(uint8_t kind) {
    switch (kind) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return kind;
    }
}

size_t json_unescape(slice_t raw, uint8_t *out) {
    size_t len = 0;
    for (size_t at = 0; at < raw.len;) {
        if (raw.data[at] != '\\') {
            out[len++] = raw.data[at++];
        } else if (raw.data[at + 1] == 'u') {
            len += put_utf8(out + len, code_point(raw, &at));
        } else {
            out[len++] = plain_escape(raw.data[at + 1]);
            at += 2;
        }
    }
    return len;
}
