#include "cli/timestamp.h"

#include "base/bytes.h"
#include "base/clock.h"

/* Reads exactly `count` digits. */
static bool digits(bytes_t *in, int count, int *value) {
    uint8_t c;
    for (*value = 0; count > 0; count--) {
        if (!bytes_byte(in, &c) || c < '0' || c > '9') return false;
        *value = *value * 10 + (c - '0');
    }
    return true;
}

static bool one_of(bytes_t *in, const char *set) {
    uint8_t c;
    return bytes_byte(in, &c) && c != '\0' && strchr(set, c) != NULL;
}

static bool next_is(const bytes_t *in, char c) {
    return bytes_left(in) > 0 && *in->at == (uint8_t)c;
}

/* ".123": up to nine digits count, more are cut. */
static bool fraction(bytes_t *in, int64_t *ns) {
    uint8_t c;
    int64_t weight = NS_PER_S / 10;
    size_t count = 0;
    *ns = 0;
    if (!next_is(in, '.')) return true;
    if (!bytes_byte(in, &c)) return false;
    for (; bytes_left(in) > 0 && *in->at >= '0' && *in->at <= '9'; count++, weight /= 10) {
        if (!bytes_byte(in, &c)) return false;
        *ns += weight * (c - '0');
    }
    return count > 0;
}

/* Days since 1970 of a date in the Gregorian calendar (counted in 400-year eras that begin on 1 March). */
static int64_t days_of(int year, int month, int day) {
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool date_exists(int year, int month, int day) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1678 && year <= 2261 && month >= 1 && month <= 12 && day >= 1 &&
           day <= lengths[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* "", "Z", "+01:00", "+0100": seconds east of UTC. */
static bool zone(bytes_t *in, int *offset_s) {
    int hours, minutes;
    *offset_s = 0;
    if (bytes_left(in) == 0) return true;
    bool west = next_is(in, '-');
    if (next_is(in, 'Z') || next_is(in, 'z')) return one_of(in, "Zz");
    if (!one_of(in, "+-") || !digits(in, 2, &hours)) return false;
    if (next_is(in, ':') && !one_of(in, ":")) return false;
    if (!digits(in, 2, &minutes) || hours > 23 || minutes > 59) return false;
    *offset_s = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

static bool calendar(slice_t text, int64_t *ns) {
    bytes_t in = bytes_of(text);
    int year, month, day, hour = 0, minute = 0, second = 0, offset_s = 0;
    int64_t fraction_ns = 0;
    if (!digits(&in, 4, &year) || !one_of(&in, "-/") || !digits(&in, 2, &month) || !one_of(&in, "-/") ||
        !digits(&in, 2, &day))
        return false;
    if (bytes_left(&in) > 0) {
        if (!one_of(&in, "Tt ") || !digits(&in, 2, &hour) || !one_of(&in, ":") || !digits(&in, 2, &minute))
            return false;
        if (next_is(&in, ':') && (!one_of(&in, ":") || !digits(&in, 2, &second) || !fraction(&in, &fraction_ns)))
            return false;
        if (!zone(&in, &offset_s)) return false;
    }
    if (!bytes_done(&in) || !date_exists(year, month, day) || hour > 23 || minute > 59 || second > 60) return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    *ns = seconds * NS_PER_S + fraction_ns;
    return true;
}

/* Until the year 5138 seconds have at most 11 digits; each finer unit has three more. */
static bool epoch(slice_t text, int64_t *ns) {
    static const struct {
        size_t digits_max;
        int64_t factor;
    } units[] = {{11, NS_PER_S}, {14, NS_PER_MS}, {17, 1000}, {19, 1}};
    bytes_t in = bytes_of(text);
    uint8_t c;
    int64_t value = 0, fraction_ns = 0;
    size_t count = 0;
    for (; bytes_left(&in) > 0 && *in.at >= '0' && *in.at <= '9' && count < 19; count++) {
        if (!bytes_byte(&in, &c) || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, c - '0', &value))
            return false;
    }
    if (count == 0 || (next_is(&in, '.') && count > 11) || !fraction(&in, &fraction_ns) || !bytes_done(&in))
        return false;
    size_t unit = 0;
    while (count > units[unit].digits_max) unit++;
    return !__builtin_mul_overflow(value, units[unit].factor, ns) && !__builtin_add_overflow(*ns, fraction_ns, ns);
}

bool timestamp_parse(slice_t text, int64_t *ns) {
    return calendar(text, ns) || epoch(text, ns);
}
