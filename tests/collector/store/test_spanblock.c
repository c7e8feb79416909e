#include "collector/store/spanblock.h"
#include "collector/store/tracerow.h"
#include "collector/store/traces.h"
#include "tests/collector/store/support.h"

static bool count_span(void *context, slice_t resource, slice_t scope, slice_t span) {
    (void)scope;
    *(int *)context += resource.len > 0 && span.len > 0 ? 1 : 1000000;
    return true;
}

static bool stop_at_first(void *context, slice_t resource, slice_t scope, slice_t span) {
    (void)count_span(context, resource, scope, span);
    return false;
}

static void encode_bodies(buffer_t *raw, int bodies) {
    for (int b = 0; b < bodies; b++) {
        support_span_t spans[3] = {{.service = 1, .start_ns = 5, .end_ns = 9},
                                   {.service = 1, .start_ns = 5, .end_ns = 9},
                                   {.service = 1, .start_ns = 5, .end_ns = 9}};
        for (int s = 0; s < 3; s++) spans[s].trace_id[0] = (uint8_t)(s + 1);
        support_encode(raw, spans, 3);
    }
}

TEST(a_block_gives_back_what_was_packed) {
    buffer_t raw = {0}, packed = {0}, back = {0};
    encode_bodies(&raw, 40);
    spanblock_pack(buffer_slice(&raw), &packed);
    CHECK(packed.len < raw.len / 5);
    CHECK_EQUAL(spanblock_unpack(buffer_slice(&packed), &back), ERR_OK);
    CHECK(slice_equal(buffer_slice(&raw), buffer_slice(&back)));
    buffer_fini(&raw);
    buffer_fini(&packed);
    buffer_fini(&back);
}

TEST(concatenated_bodies_are_walked_span_by_span) {
    buffer_t raw = {0};
    encode_bodies(&raw, 40);
    const uint8_t second[16] = {2}, absent[16] = {9};
    int all = 0, of_second = 0, of_absent = 0, one = 0;
    CHECK_EQUAL(spanblock_each(buffer_slice(&raw), NULL, count_span, &all), ERR_OK);
    CHECK_EQUAL(spanblock_each(buffer_slice(&raw), second, count_span, &of_second), ERR_OK);
    CHECK_EQUAL(spanblock_each(buffer_slice(&raw), absent, count_span, &of_absent), ERR_OK);
    CHECK_EQUAL(spanblock_each(buffer_slice(&raw), NULL, stop_at_first, &one), ERR_OK);
    CHECK_EQUAL(all, 120);
    CHECK_EQUAL(of_second, 40);
    CHECK_EQUAL(of_absent, 0);
    CHECK_EQUAL(one, 1);
    buffer_fini(&raw);
}

TEST(any_flipped_bit_and_any_cut_is_noticed) {
    buffer_t raw = {0}, packed = {0}, back = {0};
    encode_bodies(&raw, 3);
    spanblock_pack(buffer_slice(&raw), &packed);
    for (size_t bit = 0; bit < packed.len * 8; bit++) {
        packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_EQUAL(spanblock_unpack(buffer_slice(&packed), &back), ERR_MALFORMED);
        packed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < packed.len; len++)
        CHECK_EQUAL(spanblock_unpack(slice_of(packed.data, len), &back), ERR_MALFORMED);
    CHECK_EQUAL(back.len, 0);
    buffer_fini(&raw);
    buffer_fini(&packed);
    buffer_fini(&back);
}

/* --- trace rows --- */

static tracerow_t row_of(const trace_span_t *spans, size_t from, size_t to) {
    traces_t traces = {0};
    tracerow_t row;
    for (size_t i = from; i < to; i++) traces_add(&traces, &spans[i]);
    CHECK_EQUAL(traces.count, 1);
    traces_row(&traces, 0, &row);
    traces_fini(&traces);
    return row;
}

static bool same_row(const tracerow_t *a, const tracerow_t *b) {
    buffer_t x = {0}, y = {0};
    tracerow_encode_services(a, &x);
    tracerow_encode_blocks(a, &x);
    tracerow_encode_services(b, &y);
    tracerow_encode_blocks(b, &y);
    bool same = slice_equal(buffer_slice(&x), buffer_slice(&y)) && a->start_ns == b->start_ns &&
                a->end_ns == b->end_ns && a->spans == b->spans && a->errors == b->errors &&
                a->root.root == b->root.root && a->root.start_ns == b->root.start_ns &&
                memcmp(a->root.span_id, b->root.span_id, 8) == 0 && a->root.service == b->root.service;
    buffer_fini(&x);
    buffer_fini(&y);
    return same;
}

TEST(a_trace_row_is_the_same_however_its_spans_were_grouped) {
    uint64_t seed = 42;
    static const uint8_t id[16] = {7};
    for (int round = 0; round < 200; round++) {
        static uint8_t span_ids[600][8];
        static trace_span_t spans[600];
        size_t count = 1 + test_random(&seed) % (round % 10 == 0 ? 600 : 40);
        unsigned kinds = round % 10 == 0 ? 300 : 6; /* now and then more pairs and blocks than a row holds */
        for (size_t i = 0; i < count; i++) {
            uint64_t r = test_random(&seed);
            memcpy(span_ids[i], &r, 8);
            spans[i] = (trace_span_t){.trace_id = id,
                                      .span_id = span_ids[i],
                                      .root = r % 9 == 0,
                                      .error = r % 4 == 0,
                                      .service = (uint32_t)(r >> 8) % kinds,
                                      .operation = (uint32_t)(r >> 20) % 3,
                                      .start_ns = (int64_t)(r >> 40),
                                      .end_ns = (int64_t)(r >> 39),
                                      .block = 10 + i / (size_t)(round % 3 + 1)};
        }
        tracerow_t whole = row_of(spans, 0, count);
        size_t cut = count > 1 ? 1 + test_random(&seed) % (count - 1) : count;
        if (cut == count) continue;
        size_t later = cut + test_random(&seed) % (count - cut);
        tracerow_t a = row_of(spans, 0, cut), c = row_of(spans, later, count);
        if (later > cut) {
            tracerow_t b = row_of(spans, cut, later);
            tracerow_merge(&b, &c); /* a + (b + c), told in another order */
            c = b;
        }
        tracerow_merge(&c, &a);
        CHECK(same_row(&whole, &c));
    }
}

TEST(trace_lists_survive_encoding) {
    tracerow_t row = {0}, back = {0};
    for (uint32_t i = 0; i < 100; i++) {
        tracerow_add_pair(&row, (trace_pair_t){i * 7919 % 101, i * 31 % 17});
        tracerow_add_block(&row, (uint64_t)(i * 104729) % 1009);
    }
    CHECK(row.pairs_cut);
    CHECK_EQUAL(row.pair_count, TRACE_PAIRS_MAX);
    buffer_t services = {0}, blocks = {0};
    tracerow_encode_services(&row, &services);
    tracerow_encode_blocks(&row, &blocks);
    CHECK(tracerow_decode_services(&back, buffer_slice(&services)));
    CHECK(tracerow_decode_blocks(&back, buffer_slice(&blocks)));
    CHECK(back.pairs_cut && !back.blocks_cut);
    CHECK(memcmp(row.pairs, back.pairs, sizeof row.pairs) == 0);
    CHECK_EQUAL(back.block_count, row.block_count);
    CHECK(memcmp(row.blocks, back.blocks, row.block_count * sizeof row.blocks[0]) == 0);
    CHECK(!tracerow_decode_services(&back, slice_of(services.data, services.len - 1)));
    CHECK(!tracerow_decode_blocks(&back, slice_of(NULL, 0)));
    buffer_fini(&services);
    buffer_fini(&blocks);
}

TEST_MAIN(TEST_CASE(a_block_gives_back_what_was_packed), TEST_CASE(concatenated_bodies_are_walked_span_by_span),
          TEST_CASE(any_flipped_bit_and_any_cut_is_noticed),
          TEST_CASE(a_trace_row_is_the_same_however_its_spans_were_grouped), TEST_CASE(trace_lists_survive_encoding))
