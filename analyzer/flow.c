/* Counted requests of a subject: the newest buckets wait, so that a fault is not learned before it is seen; older ones
 * join a baseline that forgets with a half-life of two hours of data. */
#include "analyzer/state.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum {
    BASELINE_S = 60,
    BASELINE_BUCKETS_MIN = 2,
    BASELINE_REQUESTS_MIN = 8,
    STALE_S = 3600,
    STALE_PERIODS = 60,
    FADE_BUCKETS = 1024
};

static const double PRIOR_WEIGHT = 100;
static const float FORGET = 0.99904F; /* 2^(-1/720): per bucket learned */
static const float FADED = 1e-6F;     /* a count that decayed to this is none */

static uint8_t view_of(uint8_t role) {
    return role == TRACK_CLIENT_LATENCY ? VIEW_CALLER : VIEW_SERVER;
}

/* A minute of counts makes the first baseline: six buckets, or two points of what counts by the minute or longer. */
static double buckets_needed(const flow_t *flow) {
    return flow->period_s > 0 ? fmax(BASELINE_S / (double)flow->period_s, BASELINE_BUCKETS_MIN) : BASELINE_BUCKETS_MIN;
}

/* Makes room for bins [first, end). */
static void usual_widen(usual_t *usual, int first, int end) {
    int old_first = usual->first, old_end = old_first + usual->width;
    if (usual->width == 0) old_first = first, old_end = first;
    if (first >= old_first && end <= old_end) return;
    if (first > old_first) first = old_first;
    if (end < old_end) end = old_end;
    float *bins = memory_new((size_t)(end - first), sizeof *bins);
    if (usual->width > 0) memcpy(&bins[old_first - first], usual->bins, usual->width * sizeof *bins);
    free(usual->bins);
    usual->bins = bins;
    usual->first = (uint8_t)first;
    usual->width = (uint8_t)(end - first);
}

/* The width is a byte, which a bin that is written might be: held by itself, it lets many bins be scaled at a time. */
static void usual_scale(usual_t *usual, float factor) {
    float *bins = usual->bins;
    for (int i = 0, width = usual->width; i < width; i++) bins[i] *= factor;
    usual->count *= factor;
    usual->seconds *= factor;
    screen_forget(&usual->places);
}

/* Numbers that went on shrinking would at last be too small to compute with quickly. */
static void usual_fade(usual_t *usual) {
    for (int i = 0; i < usual->width; i++)
        if (usual->bins[i] < FADED) usual->bins[i] = 0;
}

static void usual_add(usual_t *usual, const stretch_t *bucket, float count, float seconds) {
    if (bucket->width == 0) return;
    usual_widen(usual, bucket->first, bucket->first + bucket->width);
    float *restrict bins = &usual->bins[bucket->first - usual->first];
    for (int i = 0, width = bucket->width; i < width; i++) bins[i] += bucket->count[i];
    usual->count += count;
    usual->seconds += seconds;
    screen_forget(&usual->places);
}

static void usual_read(const usual_t *usual, histogram_t *out) {
    memset(out, 0, sizeof *out);
    if (usual->width > 0) memcpy(&out->count[usual->first], usual->bins, usual->width * sizeof *usual->bins);
}

void usual_set(usual_t *usual, const histogram_t *histogram) {
    double count = 0, seconds = 0;
    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        if (!(histogram->count[i] > 0)) continue;
        usual_widen(usual, i, i + 1);
        usual->bins[i - usual->first] = histogram->count[i];
        count += histogram->count[i];
        seconds += histogram->count[i] * histogram_middle(i);
    }
    usual->count = (float)count;
    usual->seconds = (float)seconds;
    screen_forget(&usual->places);
}

static size_t packed_bytes_of(const flow_bucket_t *bucket) {
    return packing_bytes(bucket->packing[VIEW_SERVER]) + packing_bytes(bucket->packing[VIEW_CALLER]);
}

/* Where the packed latencies of a recent bucket begin. */
static size_t packed_at(const flow_t *flow, uint32_t recent, uint8_t view) {
    size_t at = 0;
    for (uint32_t i = 0; i < recent; i++) at += packed_bytes_of(&flow->recent[i]);
    return view == VIEW_SERVER ? at : at + packing_bytes(flow->recent[recent].packing[VIEW_SERVER]);
}

void flow_recent_set(flow_t *flow, uint32_t recent, const tally_t latencies[static VIEWS]) {
    enum { ROOM_STEP = 16 };
    uint8_t packed[VIEWS * PACKED_BYTES_MAX];
    size_t bytes = 0;
    flow_bucket_t *bucket = &flow->recent[recent];
    for (int view = 0; view < VIEWS; view++) {
        bucket->packing[view] = tally_pack(&latencies[view], packed + bytes);
        bucket->count[view] = (float)tally_count(&latencies[view]);
        bucket->seconds[view] = (float)tally_seconds(&latencies[view]);
        screen_forget(&bucket->places[view]);
        bytes += packing_bytes(bucket->packing[view]);
    }
    if (flow->packed_bytes + bytes > flow->packed_room) {
        flow->packed_room = (uint16_t)((flow->packed_bytes + bytes + ROOM_STEP) / ROOM_STEP * ROOM_STEP);
        flow->packed = memory_resize(flow->packed, flow->packed_room + PACKED_SLACK);
    }
    if (bytes > 0) memcpy(flow->packed + flow->packed_bytes, packed, bytes);
    flow->packed_bytes = (uint16_t)(flow->packed_bytes + bytes);
}

void flow_recent_read(const flow_t *flow, uint32_t recent, uint8_t view, stretch_t *out) {
    packed_read(flow->recent[recent].packing[view], flow->packed + packed_at(flow, recent, view), out);
}

void flow_recent_add(const flow_t *flow, uint32_t recent, uint8_t role, histogram_t *into) {
    uint8_t view = view_of(role);
    packed_add(flow->recent[recent].packing[view], flow->packed + packed_at(flow, recent, view), into);
}

double flow_recent_above(const flow_t *flow, uint32_t recent, uint8_t view, int bin) {
    return (double)packed_above(flow->recent[recent].packing[view], flow->packed + packed_at(flow, recent, view), bin);
}

/* The tail's share in a bucket, against the baseline's: its cut is found from above, where few bins lie. */
static void learn_tail(flow_t *flow, int view, const flow_bucket_t *bucket, const stretch_t *latencies) {
    const usual_t *usual = &flow->usual[view];
    double n = bucket->count[view], total = usual->count, above = 0, k = 0;
    if (n < 2 || total < BASELINE_REQUESTS_MIN) return;
    int cut = usual->first + usual->width;
    for (; cut > usual->first && above + usual->bins[cut - 1 - usual->first] <= (1 - 0.9) * total; cut--)
        above += usual->bins[cut - 1 - usual->first];
    for (int i = cut > latencies->first ? cut - latencies->first : 0; i < latencies->width; i++)
        k += latencies->count[i];
    double p = (above + 0.5) / (total + 1);
    flow->tail_lumps[view] =
        flow->tail_lumps[view] * FORGET + (float)((k - n * p) * (k - n * p) / (n * p * (1 - p)) - 1);
    flow->tail_weight[view] = flow->tail_weight[view] * FORGET + (float)(n - 1);
}

/* How much more the error share and the tail share scatter than a binomial would: from the chi-square of every bucket
 * that is learned, against the baseline before it. */
static void learn_scatter(flow_t *flow, const flow_bucket_t *bucket, const stretch_t latencies[static VIEWS]) {
    double n = bucket->requests;
    if (n < 2 || flow->buckets < buckets_needed(flow)) return;
    double p = (flow->errors + 0.5) / (flow->requests + 1.0);
    double chi2 = (bucket->errors - n * p) * (bucket->errors - n * p) / (n * p * (1 - p));
    double told =
        fmin(1, n * p); /* a bucket in which no error was to be expected says nothing about how they cluster */
    flow->lumps = flow->lumps * FORGET + (float)(told * (chi2 - 1));
    flow->lump_weight = flow->lump_weight * FORGET + (float)(told * (n - 1));
    for (int view = 0; view < VIEWS; view++) learn_tail(flow, view, bucket, &latencies[view]);
}

static void learn(flow_t *flow, const flow_bucket_t *bucket, const stretch_t latencies[static VIEWS]) {
    learn_scatter(flow, bucket, latencies);
    flow->requests = flow->requests * FORGET + bucket->requests;
    flow->errors = flow->errors * FORGET + bucket->errors;
    flow->buckets = flow->buckets * FORGET + 1;
    for (int view = 0; view < VIEWS; view++) {
        usual_scale(&flow->usual[view], FORGET);
        if (bucket->bucket % FADE_BUCKETS == 0) usual_fade(&flow->usual[view]);
        usual_add(&flow->usual[view], &latencies[view], bucket->count[view], bucket->seconds[view]);
    }
    if (flow->period_s > 0 && bucket->requests / flow->period_s > flow->highest_rate)
        flow->highest_rate = bucket->requests / flow->period_s;
}

static void drop_oldest(flow_t *flow) {
    size_t bytes = packed_bytes_of(&flow->recent[0]);
    flow->packed_bytes = (uint16_t)(flow->packed_bytes - bytes);
    if (bytes > 0) memmove(flow->packed, flow->packed + bytes, flow->packed_bytes);
    flow->recent_count--;
    memmove(&flow->recent[0], &flow->recent[1], flow->recent_count * sizeof flow->recent[0]);
}

static void settle_oldest(flow_t *flow) {
    const flow_bucket_t *oldest = &flow->recent[0];
    stretch_t latencies[VIEWS];
    for (uint8_t view = 0; view < VIEWS; view++) flow_recent_read(flow, 0, view, &latencies[view]);
    /* One strange bucket between usual ones is a habit to be learned; two in a row are not. */
    bool again = flow->before_suspicious || (flow->recent_count > 1 && flow->recent[1].suspicious);
    bool blip = oldest->suspicious && !again && flow->recent_count > 1;
    if (blip || (!oldest->suspicious && !oldest->held))
        learn(flow, oldest, latencies);
    else if (!oldest->held)
        learn_scatter(flow, oldest, latencies); /* strange, and yet no incident: the habit of this series */
    flow->before_suspicious = oldest->suspicious;
    drop_oldest(flow);
}

/* After a long time unseen, what was usual then may be so no more (a deployment, another hour of the day): it counts as
 * a quarter of what a baseline needs, and the rest has to be learned anew. */
static void weaken(flow_t *flow) {
    float keep = (float)(buckets_needed(flow) / 4 / flow->buckets);
    if (!(keep < 1)) return;
    flow->requests *= keep;
    flow->errors *= keep;
    flow->buckets *= keep;
    for (int view = 0; view < VIEWS; view++) usual_scale(&flow->usual[view], keep);
}

static uint8_t part_of(double some, double all) {
    return some > 0 && all > 0 ? (uint8_t)lround(255 * fmin(some / all, 1)) : 0;
}

bool flow_push(flow_t *flow, const observation_t *observation, int64_t bucket) {
    flow->period_s = (float)observation->period_s;
    flow->coarse = observation->latencies[VIEW_SERVER].coarse || observation->latencies[VIEW_CALLER].coarse;
    int64_t newest = flow->recent_count > 0 ? flow->recent[flow->recent_count - 1].bucket : bucket;
    /* What is judged together must be near in time: older buckets, as after a gap, are settled. */
    double reach_s = fmax(RECENT_BUCKETS * 3 * (double)BUCKET_SECONDS, RECENT_BUCKETS * observation->period_s);
    while (flow->recent_count == RECENT_BUCKETS ||
           (flow->recent_count > 0 && (double)((bucket - flow->recent[0].bucket) * BUCKET_SECONDS) > reach_s))
        settle_oldest(flow);
    if ((double)((bucket - newest) * BUCKET_SECONDS) > fmax(STALE_S, STALE_PERIODS * observation->period_s))
        weaken(flow);
    flow->recent[flow->recent_count] = (flow_bucket_t){.bucket = (int32_t)bucket,
                                                       .requests = (float)observation->requests,
                                                       .errors = (float)observation->errors,
                                                       .late = part_of(observation->late, observation->requests),
                                                       .refused = part_of(observation->refused, observation->requests)};
    flow_recent_set(flow, flow->recent_count++, observation->latencies);
    return (double)((bucket - newest) * BUCKET_SECONDS) > reach_s;
}

void flow_free(flow_t *flow) {
    if (flow == NULL) return;
    free(flow->packed);
    for (int view = 0; view < VIEWS; view++) free(flow->usual[view].bins);
    free(flow);
}

bool flow_accepted(const flow_bucket_t *bucket) {
    return !bucket->suspicious && !bucket->held;
}

static bool enough(double buckets, double needed, double requests) {
    return buckets >= needed && requests >= BASELINE_REQUESTS_MIN;
}

static void sums_add(sums_t *sums, const flow_bucket_t *bucket) {
    sums->requests += bucket->requests;
    sums->errors += bucket->errors;
    for (int view = 0; view < VIEWS; view++) {
        sums->count[view] += bucket->count[view];
        sums->seconds[view] += bucket->seconds[view];
    }
}

uint32_t flow_windows(const flow_t *flow, window_t windows[static WINDOWS]) {
    static const uint32_t sizes[WINDOWS] = {1, 2, 3, RECENT_BUCKETS};
    sums_t now = {0}, before = {.requests = flow->requests, .errors = flow->errors};
    double buckets = flow->buckets, needed = buckets_needed(flow);
    uint32_t count = 0, all = flow->recent_count, next;
    for (int view = 0; view < VIEWS; view++) {
        before.count[view] = flow->usual[view].count;
        before.seconds[view] = flow->usual[view].seconds;
    }
    while (count < WINDOWS && sizes[count] <= all) count++;
    next = count;
    for (uint32_t i = 0; next > 0; i++) { /* oldest first: what was before the longest window is complete first */
        if (all - i == sizes[next - 1]) {
            window_t *window = &windows[--next];
            window->buckets = all - i;
            window->before = before;
            window->before_buckets = buckets;
            window->enough = enough(buckets, needed, before.requests);
        }
        if (!flow_accepted(&flow->recent[i])) continue;
        sums_add(&before, &flow->recent[i]);
        buckets++;
    }
    for (uint32_t i = 0; next < count; i++) {
        sums_add(&now, &flow->recent[all - 1 - i]);
        if (i + 1 == sizes[next]) windows[next++].now = now;
    }
    return count;
}

bool flow_baseline(const flow_t *flow, uint32_t window, baseline_t *out) {
    *out = (baseline_t){flow->requests, flow->errors, flow->buckets};
    for (uint32_t i = 0; i + window < flow->recent_count; i++) {
        const flow_bucket_t *bucket = &flow->recent[i];
        if (!flow_accepted(bucket)) continue;
        out->requests += bucket->requests;
        out->errors += bucket->errors;
        out->buckets++;
    }
    return enough(out->buckets, buckets_needed(flow), out->requests);
}

void flow_latencies(const flow_t *flow, uint32_t window, uint8_t role, histogram_t *out) {
    usual_read(&flow->usual[view_of(role)], out);
    for (uint32_t i = 0; i + window < flow->recent_count; i++)
        if (flow_accepted(&flow->recent[i])) flow_recent_add(flow, i, role, out);
}

double flow_precision(double lumps, double weight, double prior, uint32_t window, double baseline_n) {
    double correlation = (lumps + prior * PRIOR_WEIGHT) / (weight + PRIOR_WEIGHT);
    correlation = fmin(fmax(correlation, 0.002), 0.5);
    return fmin((1 / correlation - 1) * window, baseline_n + 1);
}

bool flow_band(const flow_t *flow, uint8_t role, double *low, double *expected, double *high) {
    baseline_t baseline;
    if (!flow_baseline(flow, 1, &baseline)) return false;
    if (role == TRACK_ERRORS) {
        *expected = baseline.errors / baseline.requests;
        stats_wilson(baseline.errors, baseline.requests, 2, low, high);
        return true;
    }
    histogram_t latencies;
    flow_latencies(flow, 1, role, &latencies);
    *low = histogram_quantile(&latencies, 0.1);
    *expected = histogram_quantile(&latencies, 0.5);
    *high = histogram_quantile(&latencies, 0.95);
    return !isnan(*expected);
}
