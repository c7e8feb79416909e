/* Moments and durations as people and programs write them. */
#include "web/request.h"

#include <stdlib.h>
#include <time.h>

#define FAR_NS INT64_C(4000000000000000000) /* 2096; keeps sums of two moments inside int64 */

static const struct {
    const char *name;
    double ns;
} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}};

/* Plain decimal digits with at most one point: no exponent, no hexadecimal, no "inf", whatever strtod would take. */
static size_t decimal_length(const char *text) {
    size_t digits = strspn(text, "0123456789");
    if (text[digits] != '.' || digits == 0) return digits;
    size_t fraction = strspn(text + digits + 1, "0123456789");
    return fraction == 0 ? 0 : digits + 1 + fraction;
}

bool duration_parse(const char *text, int64_t *ns) {
    bool negative = text[0] == '-';
    if (negative) text++;
    size_t len = decimal_length(text);
    if (len == 0 || len > 24) return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + len, units[i].name) != 0) continue;
        double value = strtod(text, NULL) * units[i].ns;
        if (!(value < (double)FAR_NS)) return false;
        *ns = (int64_t)(negative ? -value : value);
        return true;
    }
    return false;
}

static bool digits(const char **at, size_t count, int *value) {
    *value = 0;
    for (size_t i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool one_of(const char **at, const char *set) {
    if (**at == '\0' || strchr(set, **at) == NULL) return false;
    (*at)++;
    return true;
}

static bool offset_parse(const char **at, int *seconds) {
    *seconds = 0;
    if (one_of(at, "Zz")) return true;
    int sign = **at == '-' ? -1 : 1, hours, minutes;
    if (!one_of(at, "+-") || !digits(at, 2, &hours) || !one_of(at, ":") || !digits(at, 2, &minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339 section 5.6, with 'T', 't' or a space between date and time. */
static bool rfc3339_parse(const char *at, int64_t *ns) {
    struct tm tm = {0};
    int offset;
    int64_t fraction_ns = 0;
    if (!digits(&at, 4, &tm.tm_year) || !one_of(&at, "-") || !digits(&at, 2, &tm.tm_mon) || !one_of(&at, "-") ||
        !digits(&at, 2, &tm.tm_mday) || !one_of(&at, "Tt "))
        return false;
    if (!digits(&at, 2, &tm.tm_hour) || !one_of(&at, ":") || !digits(&at, 2, &tm.tm_min) || !one_of(&at, ":") ||
        !digits(&at, 2, &tm.tm_sec))
        return false;
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60 || tm.tm_year < 1970 || tm.tm_year > 2090)
        return false;
    if (*at == '.') {
        int64_t weight = NS_PER_S / 10;
        at++;
        if (*at < '0' || *at > '9') return false;
        for (; *at >= '0' && *at <= '9'; at++, weight /= 10) fraction_ns += weight * (*at - '0');
    }
    if (!offset_parse(&at, &offset) || *at != '\0') return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int day = tm.tm_mday;
    bool leap = tm.tm_sec == 60; /* its second is the next day's first at 23:59:60 */
    time_t seconds = timegm(&tm);
    if (tm.tm_mday != day && !leap) return false; /* 31 April */
    *ns = ((int64_t)seconds - offset) * NS_PER_S + fraction_ns;
    return true;
}

/* 10 digits are seconds (until 5138), 13 milliseconds, 19 nanoseconds; what lies between is a mistake (microseconds).
 */
static bool number_parse(const char *text, int64_t *ns) {
    size_t len = decimal_length(text);
    if (len == 0 || len > 24 || text[len] != '\0') return false;
    if (strchr(text, '.') != NULL) {
        char *point;
        unsigned long long seconds = strtoull(text, &point, 10);
        if (point - text > 10 || seconds > 4000000000ULL) return false;
        *ns = (int64_t)seconds * NS_PER_S;
        int64_t weight = NS_PER_S / 10;
        for (const char *at = point + 1; *at != '\0'; at++, weight /= 10) *ns += weight * (*at - '0');
        return true;
    }
    if (len > 19) return false;
    unsigned long long value = strtoull(text, NULL, 10);
    if (value < 100000000000ULL) {
        if (value > 4000000000ULL) return false;
        *ns = (int64_t)value * NS_PER_S;
    } else if (value < 10000000000000ULL) {
        if (value > 4000000000000ULL) return false;
        *ns = (int64_t)value * NS_PER_MS;
    } else {
        if (value < 100000000000000000ULL || value > (unsigned long long)FAR_NS) return false;
        *ns = (int64_t)value;
    }
    return true;
}

bool moment_parse(const char *text, int64_t reference_ns, int64_t *ns) {
    if (text[0] == '-') {
        int64_t before;
        if (!duration_parse(text, &before)) return false;
        *ns = reference_ns + before;
        return *ns >= 0;
    }
    return number_parse(text, ns) || rfc3339_parse(text, ns);
}
