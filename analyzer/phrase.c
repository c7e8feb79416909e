#include "analyzer/phrase.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

/* Two significant digits below ten, none after the point from ten on; what is less than a ten-thousandth is nothing. */
static void print_number(phrase_t *phrase, double value, const char *unit) {
    if (fabs(value) < 1e-4) value = 0;
    (void)snprintf(phrase->text, sizeof phrase->text, value < 10 ? "%.2g%s" : "%.0f%s", value, unit);
}

const char *phrase_seconds(phrase_t *phrase, double seconds) {
    if (!isfinite(seconds)) return "unknown";
    if (seconds < 0.001)
        print_number(phrase, seconds * 1e6, " us");
    else if (seconds < 1)
        print_number(phrase, seconds * 1e3, " ms");
    else if (seconds < 120)
        print_number(phrase, seconds, " s");
    else
        print_number(phrase, seconds / 60, " min");
    return phrase->text;
}

const char *phrase_share(phrase_t *phrase, double share) {
    print_number(phrase, isfinite(share) ? share * 100 : 0, " %");
    return phrase->text;
}

const char *phrase_factor(phrase_t *phrase, double factor) {
    print_number(phrase, isfinite(factor) ? factor : 1, " times");
    return phrase->text;
}

const char *phrase_count(phrase_t *phrase, double count) {
    if (count >= 1000 && count < 1e9)
        (void)snprintf(phrase->text, sizeof phrase->text, "%.0f,%03.0f", floor(count / 1000), fmod(floor(count), 1000));
    else
        print_number(phrase, isfinite(count) ? count : 0, "");
    return phrase->text;
}

const char *phrase_time(phrase_t *phrase, int64_t time_ns) {
    time_t seconds = (time_t)(time_ns / 1000000000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(phrase->text, sizeof phrase->text, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        return "unknown";
    return phrase->text;
}

const char *phrase_rate(phrase_t *phrase, double per_second) {
    phrase_t count;
    (void)snprintf(phrase->text, sizeof phrase->text, "%.80s/s", phrase_count(&count, per_second));
    return phrase->text;
}
