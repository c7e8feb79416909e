#include "collector/receive/grpc_frame.h"

#include "base/clock.h"

enum {
    TIMEOUT_DIGITS_MAX = 8,
    RESERVE_BYTES_MAX = 256 * 1024 /* believed of an announced length before any byte came */
};

bool grpc_message_complete(const grpc_message_t *message) {
    return message->prefix_len == GRPC_PREFIX_BYTES && message->body.len == message->length;
}

bool grpc_message_compressed(const grpc_message_t *message) {
    return message->prefix[0] == 1;
}

void grpc_message_fini(grpc_message_t *message) {
    buffer_fini(&message->body);
}

static err_t feed_prefix(grpc_message_t *message, bytes_t *in, uint64_t limit) {
    while (message->prefix_len < GRPC_PREFIX_BYTES && bytes_left(in) > 0)
        (void)bytes_byte(in, &message->prefix[message->prefix_len++]);
    if (message->prefix_len < GRPC_PREFIX_BYTES) return ERR_OK;
    const uint8_t *p = message->prefix;
    message->length = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
    if (p[0] > 1) return ERR_MALFORMED;
    return message->length > limit ? ERR_TOO_LARGE : ERR_OK;
}

/* Room for all that was announced as far as RESERVE_BYTES_MAX, later for as much again as has come. */
static void reserve(grpc_message_t *message, size_t len) {
    buffer_t *body = &message->body;
    if (body->capacity - body->len >= len) return;
    size_t expected = message->length - body->len;
    size_t believed = body->len < RESERVE_BYTES_MAX ? RESERVE_BYTES_MAX : body->len;
    size_t more = expected < believed ? expected : believed;
    (void)buffer_reserve(body, more > len ? more : len);
}

err_t grpc_message_feed(grpc_message_t *message, slice_t bytes, uint64_t limit) {
    bytes_t in = bytes_of(bytes);
    if (message->prefix_len < GRPC_PREFIX_BYTES) {
        err_t err = feed_prefix(message, &in, limit);
        if (err != ERR_OK) return err;
    }
    size_t left = bytes_left(&in);
    if (left == 0) return ERR_OK;
    if (left > message->length - message->body.len) return ERR_MALFORMED;
    reserve(message, left);
    buffer_append(&message->body, in.at, left);
    return ERR_OK;
}

void grpc_prefix(buffer_t *out, size_t len) {
    buffer_byte(out, 0);
    for (int shift = 24; shift >= 0; shift -= 8) buffer_byte(out, (uint8_t)(len >> shift));
}

static int64_t unit_ns(uint8_t unit) {
    switch (unit) {
    case 'H':
        return 3600 * NS_PER_S;
    case 'M':
        return 60 * NS_PER_S;
    case 'S':
        return NS_PER_S;
    case 'm':
        return NS_PER_MS;
    case 'u':
        return 1000;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

bool grpc_timeout_parse(slice_t text, int64_t *timeout_ns) {
    int64_t value = 0;
    if (text.len < 2 || text.len > TIMEOUT_DIGITS_MAX + 1) return false;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (text.data[i] - '0');
    }
    int64_t unit = unit_ns(text.data[text.len - 1]);
    /* 99999999 hours are more than an int64_t of nanoseconds holds: as good as no deadline */
    if (unit == 0) return false;
    *timeout_ns = value > INT64_MAX / 4 / unit ? INT64_MAX / 4 : value * unit;
    return true;
}

void grpc_percent_encode(slice_t text, buffer_t *out) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c >= ' ' && c <= '~' && c != '%')
            buffer_byte(out, c);
        else
            buffer_format(out, "%%%02X", c);
    }
}

void grpc_base64(slice_t bytes, buffer_t *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | bytes.data[i];
        for (count += 8; count >= 6; count -= 6) buffer_byte(out, (uint8_t)digits[bits >> (count - 6) & 63]);
    }
    if (count > 0) buffer_byte(out, (uint8_t)digits[bits << (6 - count) & 63]);
}
