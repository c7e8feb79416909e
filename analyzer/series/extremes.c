/* A record is the simplest novelty, and its rate is known without any model: of n exchangeable numbers the newest is
 * the largest with probability 1/n. So the evidence in a record grows with how long it has stood, and this asks for
 * records of the last 400, 750, 1,500, 3,000 and 6,000 numbers and of all time, and averages the answers: a spike that
 * is largest for a day gets a little, one that is largest ever gets all. (The rule "beyond the extremes seen so far by
 * a few per cent is an anomaly" is the spatial check of the benchmark's own detector: Lavin and Ahmad 2015, Numenta
 * Anomaly Benchmark. Several memories, and their sum, are what lets it see a second, lesser event.)
 *
 * A record by a hair is luck. The margin counts in units of a range, as margin / (margin + MARGIN), so that a hundredth
 * is little and a tenth is nearly all.
 *
 * Memory is kept in blocks of 50 numbers, of which only the extremes remain; when a block closes, the span of each
 * memory is taken anew. Cost: a few comparisons per number and memory. */
#include "analyzer/series/extremes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double MARGIN = 0.02; /* of the range: the margin that is half of the evidence */
static const uint32_t memories[EXTREMES_MEMORIES] = {8, 15, 30, 60, EXTREMES_BLOCKS}; /* in blocks */
static const range_t nothing = {INFINITY, -INFINITY};

void extremes_init(extremes_t *extremes) {
    memset(extremes, 0, sizeof *extremes);
    extremes->open = extremes->ever = nothing;
    for (int m = 0; m < EXTREMES_MEMORIES; m++) extremes->closed[m] = nothing;
}

static range_t joined(range_t a, range_t b) {
    return (range_t){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

static void close_block(extremes_t *extremes) {
    extremes->blocks[extremes->block_count++ % EXTREMES_BLOCKS] = extremes->open;
    extremes->open = nothing;
    extremes->filled = 0;
    range_t span = nothing;
    uint32_t back = 0;
    for (int m = 0; m < EXTREMES_MEMORIES; m++) {
        for (; back < memories[m] && back < extremes->block_count; back++)
            span = joined(span, extremes->blocks[(extremes->block_count - 1 - back) % EXTREMES_BLOCKS]);
        extremes->closed[m] = span;
    }
}

static void learn(extremes_t *extremes, double value) {
    range_t one = {value, value};
    extremes->open = joined(extremes->open, one);
    extremes->ever = joined(extremes->ever, one);
    if (extremes->count < UINT32_MAX) extremes->count++;
    if (++extremes->filled == EXTREMES_BLOCK) close_block(extremes);
}

/* Evidence against `value` belonging to `before`, with margins in units of `unit`. Whatever leaves a line that was
 * flat all along is entirely new. */
static double beyond(const extremes_rule_t *rule, double value, range_t before, range_t unit) {
    double margin = value - before.high;
    if (rule->downwards) margin = fmax(margin, before.low - value);
    double width = fmax(rule->unit_min, unit.high - unit.low);
    return margin > 0 ? margin / (margin + MARGIN * width) : 0;
}

double extremes_add(extremes_t *extremes, const extremes_rule_t *rule, double value) {
    if (isnan(value)) return 0;
    assert(isfinite(value));
    double evidence = 0;
    if (extremes->count >= rule->learn && extremes->count > 0) {
        range_t within[EXTREMES_MEMORIES + 1];
        for (int m = 0; m < EXTREMES_MEMORIES; m++) within[m] = joined(extremes->closed[m], extremes->open);
        within[EXTREMES_MEMORIES] = extremes->ever;
        for (int m = 0; m <= EXTREMES_MEMORIES; m++)
            evidence += beyond(rule, value, within[m], within[rule->long_unit ? EXTREMES_MEMORIES - 1 : m]);
    }
    learn(extremes, value);
    return evidence / (EXTREMES_MEMORIES + 1);
}
