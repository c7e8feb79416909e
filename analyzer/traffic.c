#include "analyzer/traffic.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

static const float FORGET = 0.99904F; /* 2^(-1/720): per bucket; half-life two hours */
static const double SCATTER_PRIOR = 0.01, SCATTER_PRIOR_WEIGHT = 200;
static const double SURGE = 2, SLIGHT = 1.5; /* times the usual: of three arrivals together, of each of them */
static const double BEYOND_SEASON = 1.3;     /* times what the hour had before */
static const double SIGMAS = 5;
static const double AFFECTED = 10;        /* times the least rate that is told: requests are not failures */
static const double SILENT_REQUESTS = 20; /* that should have come */
static const double GAP_SHRINKS = 0.999;
enum {
    ARRIVALS_MIN = 30,
    GAP_MIN = 3,
    SPAN_MAX = 60,
    NEW_NORMAL_S = 3600,
    SILENCE_TOLD_S = 600,
    HOUR_BUCKETS = 360,
    BLOCK_BUCKETS = HOUR_BUCKETS / SEASON_BLOCKS
};

habits_t *habits_new(void) {
    return memory_new(1, sizeof(habits_t));
}

void habits_free(habits_t *habits) {
    for (uint32_t i = 0; habits != NULL && i < habits->count; i++) season_fini(&habits->items[i].season);
    if (habits != NULL) free(habits->items);
    free(habits);
}

/* Services that are new among the subjects. */
static void find_services(analyzer_t *analyzer) {
    habits_t *habits = analyzer->habits;
    for (; habits->subjects_seen < analyzer->subject_count; habits->subjects_seen++) {
        if (analyzer->subjects[habits->subjects_seen].key.kind != ENTITY_SERVICE) continue;
        if (habits->count == habits->capacity) {
            habits->capacity = habits->capacity == 0 ? 16 : habits->capacity * 2;
            habits->items = memory_resize(habits->items, habits->capacity * sizeof *habits->items);
        }
        habit_t *habit = &habits->items[habits->count++];
        *habit = (habit_t){.subject = habits->subjects_seen, .traffic.last_bucket = INT64_MIN};
        season_init(&habit->season);
    }
}

const habit_t *habits_of(const analyzer_t *analyzer, uint32_t service) {
    subject_key_t key = {.kind = ENTITY_SERVICE, .service = service};
    uint32_t subject = subject_find(analyzer, &key), low = 0, high = analyzer->habits->count;
    while (subject != NO_INDEX && low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (analyzer->habits->items[middle].subject < subject)
            low = middle + 1;
        else
            high = middle;
    }
    const habit_t *habit = low < analyzer->habits->count ? &analyzer->habits->items[low] : NULL;
    return habit != NULL && habit->subject == subject ? habit : NULL;
}

/* ---- what is usual ---- */

static double usual_rate(const traffic_t *traffic) {
    return traffic->elapsed_s > 0 ? traffic->requests / traffic->elapsed_s : 0;
}

static double scatter_of(const traffic_t *traffic) {
    double lumps = traffic->lumps + SCATTER_PRIOR * SCATTER_PRIOR_WEIGHT;
    return fmax(lumps / (traffic->lump_weight + SCATTER_PRIOR_WEIGHT), 0);
}

static void learn(traffic_t *traffic, double requests, double elapsed_s) {
    float fade = powf(FORGET, (float)(elapsed_s / (double)BUCKET_SECONDS));
    double mean = usual_rate(traffic) * elapsed_s;
    if (mean > 0) {
        traffic->lumps = traffic->lumps * fade + (float)((requests - mean) * (requests - mean) / mean - 1);
        traffic->lump_weight = traffic->lump_weight * fade + (float)mean;
    }
    traffic->requests = traffic->requests * fade + (float)requests;
    traffic->elapsed_s = traffic->elapsed_s * fade + (float)elapsed_s;
    if (traffic->arrivals < UINT16_MAX) traffic->arrivals++;
}

/* The range that is usual for the window's time: of the last hours, widened by chance, and of the hour's own past. */
static void expect(const habit_t *habit, int64_t hour, double window_s, traffic_t *into) {
    double rate = usual_rate(&habit->traffic), mean = rate * window_s, low, high;
    double spread = 2 * sqrt(mean + scatter_of(&habit->traffic) * mean * mean / TRAFFIC_RECENT) / window_s;
    into->expected = (float)rate;
    into->low = (float)fmax(rate - spread, 0);
    into->high = (float)(rate + spread);
    into->window_s = (float)window_s;
    if (!season_rates(&habit->season, hour, &low, &high)) return;
    into->low = (float)fmin(into->low, low);
    into->high = (float)fmax(into->high, high);
}

/* ---- what deviates ---- */

/* Whether every one of the recent arrivals has at least (or most) so many times what is usual. */
static bool all_beyond(const traffic_t *traffic, double factor, bool above) {
    for (int i = 0; i < TRAFFIC_RECENT; i++) {
        double wanted = factor * usual_rate(traffic) * traffic->spans_s[i];
        if (above ? traffic->counts[i] < wanted : traffic->counts[i] > wanted) return false;
    }
    return true;
}

static traffic_state_t judge(const analyzer_t *analyzer, const habit_t *habit, int64_t hour) {
    const traffic_t *traffic = &habit->traffic;
    double seen = 0, window_s = 0, rate = usual_rate(traffic), low, high;
    if (traffic->arrivals < ARRIVALS_MIN || traffic->recent < TRAFFIC_RECENT || !(rate > 0)) return TRAFFIC_USUAL;
    for (int i = 0; i < TRAFFIC_RECENT; i++) {
        seen += traffic->counts[i];
        window_s += traffic->spans_s[i];
    }
    double mean = rate * window_s, added = seen - mean;
    double sigma = sqrt(mean + scatter_of(traffic) * mean * mean / TRAFFIC_RECENT);
    double least = AFFECTED * analyzer->config.minimum_rate / 60 * window_s;
    if (fabs(added) * analyzer->config.sensitivity < fmax(SIGMAS * sigma, least)) return TRAFFIC_USUAL;
    bool known = season_rates(&habit->season, hour, &low, &high);
    if (seen > SURGE * mean && all_beyond(traffic, SLIGHT, true) && !(known && seen < BEYOND_SEASON * high * window_s))
        return TRAFFIC_SURGE;
    if (seen < mean / SURGE && all_beyond(traffic, 1 / SLIGHT, false) &&
        !(known && seen * BEYOND_SEASON > low * window_s))
        return TRAFFIC_DROP;
    return TRAFFIC_USUAL;
}

static void enter_state(habit_t *habit, traffic_state_t state, double seen, int64_t hour, double window_s,
                        int64_t now_ns) {
    traffic_t *traffic = &habit->traffic;
    if (state != traffic->state && state != TRAFFIC_USUAL) traffic->since_ns = now_ns - (int64_t)(window_s * 1e9);
    traffic->state = (uint8_t)state;
    if (state == TRAFFIC_USUAL) return;
    traffic->seen = (float)seen;
    expect(habit, hour, window_s, traffic);
}

/* The buckets that counts stand for: those since the last ones, where counts come at some pace (as scrapes do); a pause
 * between bursts is no low rate. */
static double pace(traffic_t *traffic, int64_t gap) {
    enum { REGULAR = 2 };
    static const float STEP = 1.1F;
    double since = (double)(gap > SPAN_MAX ? SPAN_MAX : gap);
    traffic->pace = fminf(fmaxf(traffic->pace * (since > traffic->pace ? STEP : 1 / STEP), 1), SPAN_MAX);
    return since <= REGULAR * traffic->pace ? since : fmax(round(traffic->pace), 1);
}

/* Counts that came in: judged together with the two before them, and learned, unless they deviate; what has deviated
 * for an hour is the new normal. */
static void arrive(const analyzer_t *analyzer, habit_t *habit, double requests, int64_t bucket) {
    traffic_t *traffic = &habit->traffic;
    int64_t now_ns = bucket_end_ns(bucket), hour = bucket / HOUR_BUCKETS;
    int64_t gap = traffic->last_bucket == INT64_MIN ? 1 : bucket - traffic->last_bucket;
    bool pause = gap > SPAN_MAX || traffic->state == TRAFFIC_SILENCE;
    double span_s = pace(traffic, gap) * (double)BUCKET_SECONDS;
    if (traffic->recent == TRAFFIC_RECENT) {
        memmove(traffic->counts, traffic->counts + 1, sizeof traffic->counts - sizeof *traffic->counts);
        memmove(traffic->spans_s, traffic->spans_s + 1, sizeof traffic->spans_s - sizeof *traffic->spans_s);
        traffic->recent--;
    }
    traffic->counts[traffic->recent] = (float)requests;
    traffic->spans_s[traffic->recent++] = (float)span_s;
    traffic->last_bucket = bucket;
    traffic->gap_usual = fmaxf(traffic->gap_usual * (float)GAP_SHRINKS, (float)(gap - 1));
    if (pause) traffic->recent = 1, traffic->counts[0] = (float)requests, traffic->spans_s[0] = (float)span_s;
    double seen = 0, window_s = 0;
    for (uint32_t i = 0; i < traffic->recent; i++) {
        seen += traffic->counts[i];
        window_s += traffic->spans_s[i];
    }
    enter_state(habit, judge(analyzer, habit, hour), seen / window_s, hour, window_s, now_ns);
    bool old = traffic->state != TRAFFIC_USUAL && now_ns - traffic->since_ns > NEW_NORMAL_S * INT64_C(1000000000);
    if (traffic->state == TRAFFIC_USUAL || old) learn(traffic, requests, span_s);
}

/* No requests, where so many should have come that this is no chance, and where such a pause is not usual. */
static bool is_silent(const habit_t *habit, int64_t bucket, double period_s) {
    const traffic_t *traffic = &habit->traffic;
    double gap = (double)(bucket - traffic->last_bucket), gap_s = gap * (double)BUCKET_SECONDS, low, high;
    if (traffic->arrivals < ARRIVALS_MIN || gap < GAP_MIN || gap_s < 3 * period_s) return false;
    if (season_rates(&habit->season, bucket / HOUR_BUCKETS, &low, &high) && !(low > 0)) return false;
    double lost = usual_rate(traffic) * gap_s;
    return gap > 2 * traffic->gap_usual + 1 && lost / (1 + scatter_of(traffic)) >= SILENT_REQUESTS;
}

/* ---- a tick ---- */

static void count_hour(const analyzer_t *analyzer, habit_t *habit, const flow_t *flow, int64_t bucket) {
    const flow_bucket_t *newest = &flow->recent[flow->recent_count - 1];
    season_sums_t sums = {.requests = newest->requests, .errors = newest->errors};
    for (int view = 0; view < VIEWS; view++) {
        sums.count[view] = newest->count[view];
        sums.seconds[view] = newest->seconds[view];
    }
    bool first = habit->season.block == INT64_MIN;
    int64_t before = first ? 0 : season_last_hour(&habit->season);
    season_add(&habit->season, bucket / BLOCK_BUCKETS, &sums);
    int64_t last = season_last_hour(&habit->season);
    if (!first && last > before) drift_tell(analyzer, habit, last);
}

static uint64_t incident_of(const subject_t *subject) {
    for (uint32_t t = 0; t < subject->track_count; t++)
        if (subject->tracks[t].trouble.incident != 0) return subject->tracks[t].trouble.incident;
    return 0;
}

void habit_tell(const analyzer_t *analyzer, const habit_t *habit, const explanation_t *said, double expected,
                int64_t now_ns) {
    const subject_t *subject = &analyzer->subjects[habit->subject];
    if (analyzer->sink.anomaly == NULL ||
        answers_quiet(analyzer, subject->key.service, said->signal, said->seen, now_ns))
        return;
    json_t *document = explain_document(said);
    char *json = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    anomaly_t anomaly = {.time_ns = now_ns,
                         .entity = subject->entity,
                         .signal = said->signal,
                         .score = 1 - exp(-fabs(log((said->seen + said->high / 100) / (expected + said->high / 100)))),
                         .observed = said->seen,
                         .expected = expected,
                         .low = said->low,
                         .high = said->high,
                         .incident = incident_of(subject),
                         .explanation = json == NULL ? "" : json};
    analyzer->sink.anomaly(analyzer->sink.context, &anomaly);
    free(json);
}

static void tell(const analyzer_t *analyzer, const habit_t *habit, int64_t now_ns) {
    const traffic_t *traffic = &habit->traffic;
    int64_t while_s = traffic->state == TRAFFIC_SILENCE ? SILENCE_TOLD_S : NEW_NORMAL_S;
    if (now_ns - traffic->since_ns > while_s * INT64_C(1000000000)) return;
    explanation_t said = {.kind = entity_kind_names[ENTITY_SERVICE],
                          .service =
                              names_cstr(&analyzer->shard->names, analyzer->subjects[habit->subject].key.service),
                          .signal = "traffic",
                          .unit = UNIT_RATE,
                          .seen = traffic->seen,
                          .low = traffic->low,
                          .high = traffic->high,
                          .requests = traffic->seen * traffic->window_s,
                          .window_s = traffic->window_s,
                          .history_windows = traffic->arrivals,
                          .began_ns = traffic->since_ns};
    habit_tell(analyzer, habit, &said, traffic->expected, now_ns);
}

/* Where most services are silent at once, it is the telemetry that stopped. */
static void find_silent(analyzer_t *analyzer, int64_t bucket) {
    habits_t *habits = analyzer->habits;
    uint32_t silent = 0, active = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < habits->count; i++) {
            habit_t *habit = &habits->items[i];
            const flow_t *flow = analyzer->subjects[habit->subject].flow;
            if (flow == NULL || habit->traffic.last_bucket == INT64_MIN) continue;
            bool now = habit->traffic.last_bucket < bucket && is_silent(habit, bucket, flow->period_s);
            if (pass == 0) {
                silent += now;
                active += !now && bucket - habit->traffic.last_bucket <= SPAN_MAX;
            } else if (now && silent <= active) {
                double gap_s = (double)(bucket - habit->traffic.last_bucket) * (double)BUCKET_SECONDS;
                enter_state(habit, TRAFFIC_SILENCE, 0, bucket / HOUR_BUCKETS, gap_s, bucket_end_ns(bucket));
            }
        }
}

void traffic_tick(analyzer_t *analyzer, int64_t bucket) {
    find_services(analyzer);
    for (uint32_t i = 0; i < analyzer->habits->count; i++) {
        habit_t *habit = &analyzer->habits->items[i];
        const flow_t *flow = analyzer->subjects[habit->subject].flow;
        if (flow == NULL || flow->recent_count == 0 || flow->recent[flow->recent_count - 1].bucket != bucket) continue;
        count_hour(analyzer, habit, flow, bucket);
        arrive(analyzer, habit, flow->recent[flow->recent_count - 1].requests, bucket);
    }
    find_silent(analyzer, bucket);
    for (uint32_t i = 0; i < analyzer->habits->count; i++)
        if (analyzer->habits->items[i].traffic.state != TRAFFIC_USUAL)
            tell(analyzer, &analyzer->habits->items[i], bucket_end_ns(bucket));
}

/* ---- usual for the hour ---- */

static const double USUAL_ROOM = 1.3,
                    USUAL_LEAST = 1.2;  /* times what lasts; and how unusual an hour is worth knowing */
static const double USUAL_SHARE = 0.01; /* of requests failing */

/* What the service's hour usually adds to what is usual for the service, in the verdict's terms; 0 = nothing. */
static double usual_effect(const habit_t *habit, const flow_t *flow, uint8_t role, int64_t hour) {
    if (role == TRACK_ERRORS) {
        double share = season_lasting(&habit->season, hour, SEASON_ERRORS);
        double added = share - flow->errors / fmax(flow->requests, 1);
        return added >= USUAL_SHARE ? added : 0;
    }
    int view = role == TRACK_CLIENT_LATENCY ? VIEW_CALLER : VIEW_SERVER;
    const usual_t *usual = &flow->usual[view];
    double mean = season_lasting(&habit->season, hour, (season_figure_t)((int)SEASON_MEAN + view));
    double factor = usual->count > 0 && usual->seconds > 0 ? mean / (usual->seconds / usual->count) : NAN;
    return factor >= USUAL_LEAST ? log(factor) : 0;
}

void season_apply(analyzer_t *analyzer, int64_t bucket) {
    for (uint32_t i = 0; i < analyzer->verdicts.count; i++) {
        verdict_t *verdict = &analyzer->verdicts.items[i];
        const subject_t *subject = &analyzer->subjects[verdict->subject];
        uint8_t role = subject->tracks[verdict->track].role;
        if (verdict->evidence <= 0 || role > TRACK_CLIENT_LATENCY || subject->flow == NULL) continue;
        const habit_t *habit = habits_of(analyzer, subject->key.service);
        if (habit == NULL || habit->season.count == 0) continue;
        const flow_t *flow = analyzer->subjects[habit->subject].flow;
        double usual = flow == NULL ? 0 : usual_effect(habit, flow, role, bucket / HOUR_BUCKETS);
        double room = role == TRACK_ERRORS ? usual * USUAL_ROOM : usual + log(USUAL_ROOM);
        if (usual <= 0 || verdict->effect > room) continue;
        verdict->evidence = verdict->alone = 0;
        /* Of this hour, not of the others: it is no part of what is usual for the last hours. */
        subject->flow->recent[subject->flow->recent_count - 1].held = true;
    }
}

/* ---- state ---- */

static void walk_traffic(walk_t *walk, traffic_t *traffic) {
    float *reals[] = {&traffic->requests,    &traffic->elapsed_s, &traffic->lumps,
                      &traffic->lump_weight, &traffic->pace,      &traffic->gap_usual};
    float *wide[] = {&traffic->seen, &traffic->expected, &traffic->low, &traffic->high, &traffic->window_s};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) walk_f32(walk, reals[i]);
    walk_u32(walk, &traffic->arrivals, UINT16_MAX);
    walk_i64(walk, &traffic->last_bucket);
    walk_u8(walk, &traffic->recent, TRAFFIC_RECENT);
    for (uint32_t i = 0; i < traffic->recent; i++) {
        walk_f32(walk, &traffic->counts[i]);
        walk_f32(walk, &traffic->spans_s[i]);
    }
    walk_u8(walk, &traffic->state, TRAFFIC_STATES - 1);
    if (traffic->state == TRAFFIC_USUAL) return;
    walk_i64(walk, &traffic->since_ns);
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) walk_f32(walk, wide[i]);
}

void habits_walk(walk_t *walk, analyzer_t *analyzer) {
    enum { VERSION_HABITS = 5 };
    if (walk->in != NULL) find_services(analyzer);
    if (walk->version < VERSION_HABITS) return; /* learned anew */
    uint32_t count = analyzer->habits->count;
    walk_u32(walk, &count, UINT32_MAX);
    if (count != analyzer->habits->count) walk->ok = false;
    for (uint32_t i = 0; i < count && walk->ok; i++) {
        habit_t *habit = &analyzer->habits->items[i];
        walk_traffic(walk, &habit->traffic);
        season_walk(walk, &habit->season);
        walk_u16(walk, &habit->flapping.times, UINT16_MAX);
        if (habit->flapping.times == 0) continue;
        walk_i64(walk, &habit->flapping.since_ns);
        walk_i64(walk, &habit->flapping.closed_ns);
        if (habit->flapping.since_ns < 0 || habit->flapping.closed_ns < 0) walk->ok = false; /* before 1970 */
    }
}
