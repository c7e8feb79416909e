#include "analyzer/season.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { DAY = 24, WEEK = 7 * DAY };
static const double BLOCK_S = 300;

/* Codes: one step is 1/1024 octave of a rate, 1/8 octave of a duration, 1/24 octave of a share beside 0.1 %. */
static const double RATE_STEP = 1024, RATE_LEAST = -20, MEAN_STEP = 8, MEAN_LEAST = -20, ERRORS_STEP = 24,
                    ERRORS_UNIT = 0.001;

static double within(double code, double most) {
    return fmin(fmax(round(code), 1), most);
}

static uint8_t byte_max(uint8_t a, uint8_t b) {
    return a > b ? a : b;
}

/* Adds a block to its hour. */
static void add_block(season_hour_t *hour, const season_sums_t *sums) {
    if (!(sums->requests > 0)) return;
    uint16_t rate = (uint16_t)within((log2(sums->requests / BLOCK_S) - RATE_LEAST) * RATE_STEP, UINT16_MAX);
    if (hour->rate_low == 0 || rate < hour->rate_low) hour->rate_low = rate;
    if (rate > hour->rate_high) hour->rate_high = rate;
    double share = sums->errors / sums->requests;
    hour->errors = byte_max(hour->errors, (uint8_t)within(1 + log2(1 + share / ERRORS_UNIT) * ERRORS_STEP, UINT8_MAX));
    for (int view = 0; view < SEASON_VIEWS; view++) {
        if (!(sums->count[view] > 0) || !(sums->seconds[view] > 0)) continue;
        double mean = log2(sums->seconds[view] / sums->count[view]);
        hour->mean[view] = byte_max(hour->mean[view], (uint8_t)within((mean - MEAN_LEAST) * MEAN_STEP, UINT8_MAX));
    }
}

static double rate_of(uint16_t code) {
    return code == 0 ? NAN : exp2(code / RATE_STEP + RATE_LEAST);
}

static double value_of(const season_hour_t *hour, season_figure_t figure) {
    if (hour->rate_high == 0) return NAN;
    if (figure == SEASON_ERRORS) return (exp2((hour->errors - 1) / ERRORS_STEP) - 1) * ERRORS_UNIT;
    uint8_t code = hour->mean[figure - SEASON_MEAN];
    return code == 0 ? NAN : exp2(code / MEAN_STEP + MEAN_LEAST);
}

void season_init(season_t *season) {
    *season = (season_t){.block = INT64_MIN};
}

void season_fini(season_t *season) {
    free(season->hours);
    season_init(season);
}

static void push(season_t *season, season_hour_t hour) {
    if (season->count == SEASON_HOURS) { /* a day at a time, so that this is seldom */
        season->count -= DAY;
        memmove(season->hours, season->hours + DAY, season->count * sizeof *season->hours);
    }
    if (season->count == season->room) {
        season->room += DAY;
        season->hours = memory_resize(season->hours, season->room * sizeof *season->hours);
    }
    season->hours[season->count++] = hour;
}

static int64_t hour_of(int64_t block) {
    return block >= 0 ? block / SEASON_BLOCKS : (block + 1) / SEASON_BLOCKS - 1;
}

static void close_block(season_t *season, int64_t next) {
    int64_t hour = hour_of(season->block), next_hour = hour_of(next);
    add_block(&season->now, &season->sums);
    season->sums = (season_sums_t){0};
    season->block = next;
    if (next_hour == hour) return;
    push(season, season->now);
    season->now = (season_hour_t){0};
    season->hour_requests = season->requests;
    season->requests = 0;
    if (next_hour - hour > SEASON_HOURS) season->count = 0; /* nothing that is left was lately */
    for (hour++; hour < next_hour && season->count > 0; hour++) push(season, (season_hour_t){0});
}

void season_add(season_t *season, int64_t block, const season_sums_t *sums) {
    if (season->block == INT64_MIN) season->block = block;
    if (block > season->block) close_block(season, block);
    season->requests += sums->requests;
    season->sums.requests += sums->requests;
    season->sums.errors += sums->errors;
    for (int view = 0; view < SEASON_VIEWS; view++) {
        season->sums.count[view] += sums->count[view];
        season->sums.seconds[view] += sums->seconds[view];
    }
}

/* NULL when it is not known. */
static const season_hour_t *hour_at(const season_t *season, int64_t hour) {
    int64_t place = hour - (hour_of(season->block) - season->count);
    return place >= 0 && place < season->count ? &season->hours[place] : NULL;
}

/* The highest that the hour or one of its neighbours showed. */
static double around(const season_t *season, int64_t hour, season_figure_t figure) {
    double high = NAN;
    for (int64_t at = hour - 1; at <= hour + 1; at++) {
        const season_hour_t *seen = hour_at(season, at);
        if (seen != NULL) high = fmax(high, value_of(seen, figure)); /* of a number and a NAN, the number */
    }
    return high;
}

double season_value(const season_t *season, int64_t hour, season_figure_t figure) {
    const season_hour_t *seen = season->count > 0 ? hour_at(season, hour) : NULL;
    return seen == NULL ? NAN : value_of(seen, figure);
}

int64_t season_last_hour(const season_t *season) {
    return hour_of(season->block) - 1;
}

static double in_both(const season_t *season, int64_t hour, int64_t lag, season_figure_t figure) {
    double last = around(season, hour - lag, figure), before = around(season, hour - 2 * lag, figure);
    return isnan(last) || isnan(before) ? NAN : fmin(last, before);
}

double season_lasting(const season_t *season, int64_t hour, season_figure_t figure) {
    if (season->count == 0) return NAN;
    return fmax(in_both(season, hour, DAY, figure), in_both(season, hour, WEEK, figure));
}

bool season_rates(const season_t *season, int64_t hour, double *low, double *high) {
    static const int64_t lags[] = {DAY, WEEK};
    *low = *high = NAN;
    for (size_t i = 0; i < 2 && season->count > 0; i++)
        for (int64_t at = hour - lags[i] - 1; at <= hour - lags[i] + 1; at++) {
            const season_hour_t *seen = hour_at(season, at);
            if (seen == NULL) continue;
            *low = fmin(*low, rate_of(seen->rate_low));
            *high = fmax(*high, rate_of(seen->rate_high));
        }
    return !isnan(*high);
}

static void walk_hour(walk_t *walk, season_hour_t *hour) {
    walk_u16(walk, &hour->rate_low, UINT16_MAX);
    walk_u16(walk, &hour->rate_high, UINT16_MAX);
    walk_u8(walk, &hour->errors, UINT8_MAX);
    for (int view = 0; view < SEASON_VIEWS; view++) walk_u8(walk, &hour->mean[view], UINT8_MAX);
}

void season_walk(walk_t *walk, season_t *season) {
    walk_instant_or_none(walk, &season->block, (int64_t)(BLOCK_S * 1e9));
    walk_hour(walk, &season->now);
    season_sums_t *sums = &season->sums;
    float *reals[] = {&sums->requests,   &sums->errors,     &sums->count[0],   &sums->count[1],
                      &sums->seconds[0], &sums->seconds[1], &season->requests, &season->hour_requests};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        walk_f32(walk, reals[i]);
        if (!(*reals[i] >= 0) || isinf(*reals[i])) walk->ok = false;
    }
    uint16_t count = season->count;
    walk_u16(walk, &count, SEASON_HOURS);
    for (uint16_t i = 0; i < count && walk->ok; i++) {
        season_hour_t hour = walk->out != NULL ? season->hours[i] : (season_hour_t){0};
        walk_hour(walk, &hour);
        if (walk->in != NULL && walk->ok) push(season, hour);
    }
}
