/* Numbers of a page are nearly all short: whole ones, or a few digits with a point. Up to 2^53 as digits, divided by a
 * power of ten up to 10^22, both exact, gives the correctly rounded double (Clinger 1990, "How to read floating point
 * numbers accurately"); all others go to strtod. */
#include "collector/scrape/exposition.h"

#include <stdlib.h>
#include <strings.h>

enum { NUMBER_TEXT_MAX = 400 };

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* Digits with at most one point. False when the short way does not do. */
static bool short_number(slice_t text, double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    size_t at = 0, places = 0, count = 0;
    bool negative = text.len > 0 && text.data[0] == '-', point = false;
    for (at = negative; at < text.len; at++) {
        uint8_t c = text.data[at];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c) || ++count > 18) return false;
        digits = digits * 10 + (c - '0');
        places += point;
    }
    if (count == 0 || digits > UINT64_C(1) << 53) return false;
    double number = (double)digits / powers[places];
    *value = negative ? -number : number;
    return true;
}

static bool special_number(const char *text, double *value) {
    static const struct {
        const char *name;
        double value;
    } specials[] = {{"nan", __builtin_nan("")},     {"inf", __builtin_inf()},  {"infinity", __builtin_inf()},
                    {"+infinity", __builtin_inf()}, {"+inf", __builtin_inf()}, {"-inf", -__builtin_inf()},
                    {"-infinity", -__builtin_inf()}};
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        if (strcasecmp(text, specials[i].name) != 0) continue;
        *value = specials[i].value;
        return true;
    }
    return false;
}

bool exposition_number(slice_t text, double *value) {
    char copy[NUMBER_TEXT_MAX + 1], *end;
    if (short_number(text, value)) return true;
    if (text.len == 0 || text.len > NUMBER_TEXT_MAX) return false;
    for (size_t i = 0; i < text.len; i++) copy[i] = (char)text.data[i];
    copy[text.len] = '\0';
    if (special_number(copy, value)) return true;
    size_t sign = copy[0] == '+' || copy[0] == '-';
    bool fraction = copy[sign] == '.' && is_digit((uint8_t)copy[sign + 1]);
    if (!is_digit((uint8_t)copy[sign]) && !fraction) return false; /* strtod takes blanks, nan(…) and the like */
    *value = strtod(copy, &end);
    return end == copy + text.len;
}
