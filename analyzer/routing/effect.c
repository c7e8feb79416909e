/* What happens when one peer gets no traffic any more: its requests fare as those of the others do now. The intervals
 * come from the counts (Wilson for the share, order statistics for the quantile). They do not know how the others
 * behave under more load than they ever had; that is what the capacity check is for. */
#include "analyzer/routing/routing.h"

#include <math.h>

static const double Z = 1.645;    /* 90 % */
static const double MARGIN = 1.1; /* load above what was borne that is still believed */

static double quantile_or(const histogram_t *histogram, double q, double otherwise) {
    double value = histogram_quantile(histogram, q < 0 ? 0 : q > 1 ? 1 : q);
    return isnan(value) ? otherwise : value;
}

static void pick_receiver(const peers_t *peers, uint32_t worst, bool spread, effect_t *effect) {
    double moved = peers->items[worst].rate;
    bool chosen = false;
    for (uint32_t i = 0; i < peers->count; i++) {
        if (i == worst) continue;
        const peer_t *peer = &peers->items[i];
        double rate = peer->rate + moved / (spread ? peers->count - 1 : 1);
        /* instances: the one with the least proof decides; versions: the one that serves most takes over */
        bool better = !chosen || (spread ? rate / peer->highest_rate > effect->rate / effect->highest
                                         : peer->requests > peers->items[effect->receiver].requests);
        if (!better) continue;
        chosen = true;
        effect->receiver = i;
        effect->rate = rate;
        effect->highest = peer->highest_rate;
    }
    if (spread) return;
    effect->rate = 0;
    for (uint32_t i = 0; i < peers->count; i++) effect->rate += peers->items[i].rate;
}

effect_t effect_without(const peers_t *peers, uint32_t worst, bool spread) {
    effect_t effect = {0};
    pick_receiver(peers, worst, spread, &effect);
    peer_t all = {0}, rest = {0};
    for (uint32_t i = 0; i < peers->count; i++) {
        const peer_t *peer = &peers->items[i];
        all.requests += peer->requests;
        all.errors += peer->errors;
        histogram_add(&all.latency, &peer->latency);
        if (spread ? i == worst : i != effect.receiver) continue;
        rest.requests += peer->requests;
        rest.errors += peer->errors;
        histogram_add(&rest.latency, &peer->latency);
    }
    effect.errors.now = all.requests > 0 ? all.errors / all.requests : 0;
    effect.errors.predicted = rest.requests > 0 ? rest.errors / rest.requests : 0;
    stats_wilson(rest.errors, rest.requests, Z, &effect.errors.low, &effect.errors.high);
    double n = histogram_total(&rest.latency), half = n > 0 ? Z * sqrt(0.99 * 0.01 / n) : 1;
    effect.p99_s.now = histogram_quantile(&all.latency, 0.99);
    effect.p99_s.predicted = histogram_quantile(&rest.latency, 0.99);
    effect.p99_s.low = quantile_or(&rest.latency, 0.99 - half, effect.p99_s.predicted);
    effect.p99_s.high = quantile_or(&rest.latency, 0.99 + half, effect.p99_s.predicted);
    effect.fits = effect.rate <= effect.highest * MARGIN;
    return effect;
}
