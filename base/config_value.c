#include "base/config_value.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    double factor;
} unit_t;

/* A number without sign, exponent or hexadecimal, and what stands behind it. */
static bool leading_number(const char *text, double *number, const char **rest) {
    size_t digits = strspn(text, "0123456789"), len = digits;
    if (digits == 0 || digits > 18) return false;
    if (text[len] == '.') {
        size_t places = strspn(text + len + 1, "0123456789");
        if (places == 0 || places > 18) return false;
        len += 1 + places;
    }
    char copy[64];
    memcpy(copy, text, len);
    copy[len] = '\0';
    *number = strtod(copy, NULL);
    *rest = text + len;
    return true;
}

static bool with_unit(const char *text, const unit_t *units, size_t count, double *value) {
    const char *rest;
    if (!leading_number(text, value, &rest)) return false;
    while (*rest == ' ') rest++;
    if (*rest == '\0') return true;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rest, units[i].name) != 0) continue;
        *value *= units[i].factor;
        return true;
    }
    return false;
}

bool config_value_bytes(const char *text, uint64_t *bytes) {
    static const unit_t units[] = {{"B", 1},         {"kB", 1e3},         {"MB", 1e6},
                                   {"GB", 1e9},      {"TB", 1e12},        {"KiB", 1024},
                                   {"MiB", 1048576}, {"GiB", 1073741824}, {"TiB", 1099511627776}};
    double value;
    if (!with_unit(text, units, sizeof units / sizeof units[0], &value) || value > 9e15) return false;
    *bytes = (uint64_t)value;
    return (double)*bytes == value; /* half a byte is a mistake */
}

bool config_value_seconds(const char *text, double *seconds) {
    static const unit_t units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    return with_unit(text, units, sizeof units / sizeof units[0], seconds);
}

bool config_value_count(const char *text, uint64_t *count) {
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 18 || text[len] != '\0') return false;
    *count = strtoull(text, NULL, 10);
    return true;
}

bool config_value_real(const char *text, double *number) {
    return with_unit(text, NULL, 0, number);
}

bool config_value_flag(const char *text, bool *on) {
    static const char *const words[] = {"true", "yes", "on", "false", "no", "off"};
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *on = i < 3;
        return true;
    }
    return false;
}
