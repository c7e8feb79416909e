#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic log_level_t threshold = LOG_INFO;

void log_set_level(log_level_t level) {
    threshold = level;
}

void log_line(log_level_t level, const char *format, ...) {
    static const char *const names[] = {"debug", "info ", "warn ", "error"};
    if (level < threshold) return;
    char line[2048];
    struct timespec now;
    struct tm utc;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(line + len, sizeof line - len, ".%03ldZ %s ", now.tv_nsec / 1000000, names[level]);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + len, sizeof line - len - 1, format, args);
    va_end(args);
    if (more > 0) len += (size_t)more;
    if (len > sizeof line - 2) len = sizeof line - 2;
    line[len++] = '\n';
    (void)fwrite(line, 1, len, stderr); /* one call, so that lines of threads do not mix */
}

const char *log_quote(char *out, size_t size, slice_t text) {
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';
        if (len + (plain ? 1 : 4) >= size) break;
        if (plain)
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, size - len, "\\x%02x", c);
    }
    if (size > 0) out[len] = '\0';
    return out;
}
