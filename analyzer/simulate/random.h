/* random: numbers by seed (xoshiro256++ seeded by splitmix64; Blackman and Vigna), the same on every machine as far as
 * its logarithms and square roots are. Each source of chance has a state of its own, so that a change in one part of a
 * world leaves the chances of the others as they were. */
#ifndef SEISMESH_SIMULATE_RANDOM_H
#define SEISMESH_SIMULATE_RANDOM_H

#include <math.h>
#include <stdint.h>

typedef struct {
    uint64_t s[4];
} random_t;

/* splitmix64: one well-mixed number from one that is not. */
static inline uint64_t random_mix(uint64_t z) {
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void random_seed(random_t *r, uint64_t seed, uint64_t stream) {
    uint64_t z = random_mix(seed) ^ random_mix(~stream);
    for (int i = 0; i < 4; i++) r->s[i] = z = random_mix(z);
}

static inline uint64_t random_bits(random_t *r) {
    uint64_t *s = r->s, sum = s[0] + s[3], result = (sum << 23 | sum >> 41) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

/* In (0, 1). */
static inline double random_unit(random_t *r) {
    return ((double)(random_bits(r) >> 12) + 0.5) * 0x1p-52;
}

/* Below n; n > 0. */
static inline uint32_t random_below(random_t *r, uint32_t n) {
    return (uint32_t)((random_bits(r) >> 32) * n >> 32);
}

static inline double random_exponential(random_t *r) {
    return -log(random_unit(r));
}

/* Standard normal, by Marsaglia's polar method. */
static inline double random_normal(random_t *r) {
    for (;;) {
        double x = 2 * random_unit(r) - 1, y = 2 * random_unit(r) - 1, q = x * x + y * y;
        if (q < 1 && q > 0) return x * sqrt(-2 * log(q) / q);
    }
}

#endif
