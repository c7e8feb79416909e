#include "collector/receive/inflate.h"
#include "tests/collector/receive/sample.h"
#include "tests/test.h"

#define LIMIT (4 * 1024 * 1024)

static err_t unpack(coding_t coding, buffer_t *packed, uint64_t limit, buffer_t *out) {
    inflate_limits_t limits = {.output_bytes = limit};
    err_t err = inflate_body(coding, buffer_slice(packed), &limits, out);
    buffer_fini(packed);
    return err;
}

static err_t unpack_and_forget(coding_t coding, buffer_t packed, uint64_t limit) {
    buffer_t out = {0};
    err_t err = unpack(coding, &packed, limit, &out);
    buffer_fini(&out);
    return err;
}

static buffer_t noise(size_t len, uint64_t seed) {
    buffer_t bytes = {0};
    uint8_t *at = buffer_reserve(&bytes, len + 1);
    for (size_t i = 0; i < len; i++) at[i] = (uint8_t)(test_random(&seed) & 0x3f);
    bytes.len = len;
    return bytes;
}

static buffer_t zeros(size_t len) {
    buffer_t bytes = {0};
    memset(buffer_reserve(&bytes, len), 0, len);
    bytes.len = len;
    return bytes;
}

TEST(what_was_packed_comes_back_whole) {
    for (uint64_t seed = 1; seed < 20; seed++) {
        buffer_t raw = noise((size_t)(seed * seed * 4001), seed);
        buffer_t packed[2] = {sample_gzip(buffer_slice(&raw)), sample_zstd(buffer_slice(&raw))};
        for (int i = 0; i < 2; i++) {
            buffer_t out = {0};
            CHECK_EQUAL(unpack(i == 0 ? CODING_GZIP : CODING_ZSTD, &packed[i], LIMIT, &out), ERR_OK);
            CHECK(slice_equal(buffer_slice(&raw), buffer_slice(&out)));
            if (test_failures > 0) (void)fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
            buffer_fini(&out);
        }
        buffer_fini(&raw);
    }
}

TEST(codings_have_their_names_in_any_case) {
    CHECK_EQUAL(coding_named(slice_text("")), CODING_IDENTITY);
    CHECK_EQUAL(coding_named(slice_text("identity")), CODING_IDENTITY);
    CHECK_EQUAL(coding_named(slice_text("GZip")), CODING_GZIP);
    CHECK_EQUAL(coding_named(slice_text("zstd")), CODING_ZSTD);
    CHECK_EQUAL(coding_named(slice_text("br")), CODING_UNKNOWN);
    CHECK_EQUAL(coding_named(slice_text("gzip, gzip")), CODING_UNKNOWN);
}

TEST(output_may_be_as_large_as_the_limit_and_no_larger) {
    buffer_t raw = noise(100000, 7);
    for (int i = 0; i < 2; i++) {
        coding_t coding = i == 0 ? CODING_GZIP : CODING_ZSTD;
        buffer_t (*pack)(slice_t) = i == 0 ? sample_gzip : sample_zstd;
        CHECK_EQUAL(unpack_and_forget(coding, pack(buffer_slice(&raw)), raw.len), ERR_OK);
        CHECK_EQUAL(unpack_and_forget(coding, pack(buffer_slice(&raw)), raw.len - 1), ERR_TOO_LARGE);
    }
    buffer_fini(&raw);
}

TEST(a_bomb_is_refused_by_its_ratio_long_before_the_limit) {
    buffer_t raw = zeros(64 * 1024 * 1024);
    for (int i = 0; i < 2; i++) {
        buffer_t bomb = i == 0 ? sample_gzip(buffer_slice(&raw)) : sample_zstd(buffer_slice(&raw));
        buffer_t out = {0};
        CHECK_EQUAL(unpack(i == 0 ? CODING_GZIP : CODING_ZSTD, &bomb, UINT64_C(1) << 30, &out), ERR_TOO_LARGE);
        CHECK(out.capacity < 32 * 1024 * 1024);
        buffer_fini(&out);
    }
    buffer_fini(&raw);
}

TEST(members_that_follow_one_another_are_one_body_but_not_without_end) {
    buffer_t raw = noise(1000, 3), member = sample_gzip(buffer_slice(&raw));
    buffer_t two = {0}, many = {0}, out = {0};
    for (int i = 0; i < 2; i++) buffer_append(&two, member.data, member.len);
    for (int i = 0; i < INFLATE_PARTS_MAX + 1; i++) buffer_append(&many, member.data, member.len);
    CHECK_EQUAL(unpack(CODING_GZIP, &two, LIMIT, &out), ERR_OK);
    CHECK_EQUAL(out.len, 2000);
    buffer_fini(&out);
    CHECK_EQUAL(unpack_and_forget(CODING_GZIP, many, LIMIT), ERR_TOO_LARGE);
    buffer_fini(&member);

    buffer_t frame = sample_zstd(buffer_slice(&raw)), frames = {0};
    for (int i = 0; i < INFLATE_PARTS_MAX + 1; i++) buffer_append(&frames, frame.data, frame.len);
    CHECK_EQUAL(unpack_and_forget(CODING_ZSTD, frames, LIMIT), ERR_TOO_LARGE);
    buffer_fini(&frame);
    buffer_fini(&raw);
}

TEST(every_cut_is_malformed) {
    buffer_t raw = noise(300, 5);
    buffer_t packed[2] = {sample_gzip(buffer_slice(&raw)), sample_zstd(buffer_slice(&raw))};
    for (int i = 0; i < 2; i++) {
        for (size_t len = 0; len < packed[i].len; len++) {
            buffer_t cut = {0};
            buffer_append(&cut, packed[i].data, len);
            CHECK_EQUAL(unpack_and_forget(i == 0 ? CODING_GZIP : CODING_ZSTD, cut, LIMIT), ERR_MALFORMED);
        }
        buffer_fini(&packed[i]);
    }
    buffer_fini(&raw);
}

TEST(damage_is_malformed) {
    buffer_t raw = noise(3000, 9), packed = sample_gzip(buffer_slice(&raw));
    packed.data[packed.len - 6] ^= 1; /* the checksum */
    CHECK_EQUAL(unpack_and_forget(CODING_GZIP, packed, LIMIT), ERR_MALFORMED);
    buffer_t text = {0};
    buffer_text(&text, "not compressed at all");
    CHECK_EQUAL(unpack_and_forget(CODING_ZSTD, text, LIMIT), ERR_MALFORMED);
    buffer_fini(&raw);
}

TEST(a_zstd_window_over_eight_mebibytes_is_too_large) {
    buffer_t raw = noise(16 * 1024 * 1024, 11), packed = {0};
    ZSTD_CCtx *context = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 24);
    size_t room = ZSTD_compressBound(raw.len);
    packed.len = ZSTD_compress2(context, buffer_reserve(&packed, room), room, raw.data, raw.len);
    CHECK_EQUAL(unpack_and_forget(CODING_ZSTD, packed, UINT64_C(1) << 26), ERR_TOO_LARGE);
    (void)ZSTD_freeCCtx(context);
    buffer_fini(&raw);
}

static bool hold_half(void *context, uint64_t more) {
    uint64_t *left = context;
    if (more > *left) return false;
    *left -= more;
    return true;
}

TEST(inflating_stops_when_the_budget_is_used_up) {
    buffer_t raw = noise(200000, 13), packed = sample_gzip(buffer_slice(&raw)), out = {0};
    uint64_t left = 100000;
    inflate_limits_t limits = {LIMIT, hold_half, &left};
    CHECK_EQUAL(inflate_body(CODING_GZIP, buffer_slice(&packed), &limits, &out), ERR_FULL);
    CHECK(out.len <= 100000);
    buffer_fini(&out);
    buffer_fini(&packed);
    buffer_fini(&raw);
}

TEST(many_small_members_need_no_more_budget_than_their_bytes) {
    buffer_t raw = noise(1000, 17), member = sample_gzip(buffer_slice(&raw)), packed = {0}, out = {0};
    for (int i = 0; i < 1000; i++) buffer_append(&packed, member.data, member.len);
    uint64_t left = 4 << 20; /* a megabyte, and the step that comes with it */
    inflate_limits_t limits = {LIMIT, hold_half, &left};
    CHECK_EQUAL(inflate_body(CODING_GZIP, buffer_slice(&packed), &limits, &out), ERR_OK);
    CHECK_EQUAL(out.len, 1000 * raw.len);
    buffer_fini(&out);
    buffer_fini(&packed);
    buffer_fini(&member);
    buffer_fini(&raw);
}

TEST_MAIN(TEST_CASE(what_was_packed_comes_back_whole), TEST_CASE(codings_have_their_names_in_any_case),
          TEST_CASE(output_may_be_as_large_as_the_limit_and_no_larger),
          TEST_CASE(a_bomb_is_refused_by_its_ratio_long_before_the_limit),
          TEST_CASE(members_that_follow_one_another_are_one_body_but_not_without_end),
          TEST_CASE(every_cut_is_malformed), TEST_CASE(damage_is_malformed),
          TEST_CASE(a_zstd_window_over_eight_mebibytes_is_too_large),
          TEST_CASE(inflating_stops_when_the_budget_is_used_up),
          TEST_CASE(many_small_members_need_no_more_budget_than_their_bytes))
