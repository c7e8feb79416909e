/* What is left of a journal when its files are damaged: never a wrong record, and nothing lost silently. */
#include "base/log.h"
#include "tests/collector/journal/numbers.h"
#include "tests/collector/journal/place.h"

/* Writes `count` records and gives the bytes of the one segment. */
static uint8_t *small_journal(place_t *place, uint64_t count, size_t *len) {
    journal_t *journal;
    if (place_open(place, 0, &journal) != ERR_OK || !append_range(journal, 0, count)) return NULL;
    journal_close(journal);
    return place_read(place, FIRST, len);
}

/* Opens what is there and reads it: every record must be one that was written, in order and once. */
static int count_good(place_t *place) {
    journal_t *journal;
    journal_record_t record;
    int count = 0;
    int64_t last = -1;
    if (place_open(place, 0, &journal) != ERR_OK) return -1;
    while (journal_next(journal, 0, &record) == ERR_OK) {
        int64_t n = number_of(&record);
        CHECK(n > last);
        last = n;
        count++;
    }
    CHECK(append_range(journal, 500, 501)); /* and it can be written again */
    journal_close(journal);
    return count;
}

static uint64_t damage_counted(const place_t *place) {
    return counters_get(&place->counters, COUNTER_JOURNAL_CORRUPT) +
           counters_get(&place->counters, COUNTER_JOURNAL_TORN);
}

TEST(a_flipped_bit_anywhere_costs_at_most_one_record_and_is_counted) {
    uint64_t state = 1;
    place_t place;
    size_t len;
    place_init(&place);
    log_set_level(LOG_ERROR);
    uint8_t *bytes = small_journal(&place, 6, &len);
    REQUIRE(bytes != NULL);
    for (size_t at = 0; at < len; at++) {
        size_t bit = at * 8 + test_random(&state) % 8;
        place_clear(&place);
        memset(&place.counters, 0, sizeof place.counters);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        place_write(&place, FIRST, bytes, len);
        int good = count_good(&place);
        CHECK_EQUAL(good, bit < 32 * 8 ? 6 : 5);
        CHECK_EQUAL(damage_counted(&place), 1);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(bytes);
    place_fini(&place);
}

TEST(a_file_cut_anywhere_gives_the_records_before_the_cut) {
    place_t place;
    size_t len;
    place_init(&place);
    log_set_level(LOG_ERROR);
    uint8_t *bytes = small_journal(&place, 6, &len);
    REQUIRE(bytes != NULL);
    int before = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        place_clear(&place);
        memset(&place.counters, 0, sizeof place.counters);
        place_write(&place, FIRST, bytes, cut);
        int good = count_good(&place);
        CHECK(good == before || good == before + 1);
        before = good;
        CHECK(damage_counted(&place) <= 1);
    }
    CHECK_EQUAL(before, 6);
    free(bytes);
    place_fini(&place);
}

TEST(random_damage_never_gives_a_wrong_record) {
    place_t place;
    size_t len;
    uint64_t seed = (uint64_t)time(NULL), state = seed;
    place_init(&place);
    log_set_level(LOG_ERROR);
    uint8_t *bytes = small_journal(&place, 40, &len), *hurt = malloc(len);
    REQUIRE(bytes != NULL && hurt != NULL);
    (void)printf("     seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 400; round++) {
        place_clear(&place);
        memset(&place.counters, 0, sizeof place.counters);
        memcpy(hurt, bytes, len);
        size_t at = test_random(&state) % len, size = 1 + test_random(&state) % 300;
        if (size > len - at) size = len - at;
        switch (test_random(&state) % 3) {
        case 0:
            memset(hurt + at, 0, size);
            break;
        case 1:
            memmove(hurt + test_random(&state) % (len - size), hurt + at, size);
            break;
        default:
            for (size_t i = 0; i < size; i++) hurt[at + i] = (uint8_t)test_random(&state);
        }
        place_write(&place, FIRST, hurt, len - test_random(&state) % 3);
        int good = count_good(&place);
        CHECK(good >= 25 || good == -1); /* -1: magic and start both gone, taken for another program's file */
        CHECK(good >= 40 || good == -1 || damage_counted(&place) > 0);
    }
    free(bytes);
    free(hurt);
    place_fini(&place);
}

TEST(a_missing_segment_in_the_middle_is_counted) {
    place_t place;
    journal_t *journal;
    place_init(&place);
    place.config.segment_bytes = 100;
    REQUIRE(place_open(&place, 0, &journal) == ERR_OK);
    for (uint64_t n = 0; n < 10; n++) CHECK(append_range(journal, n, n + 1));
    journal_record_t record;
    for (int n = 0; n < 5; n++) REQUIRE(journal_next(journal, SECOND, &record) == ERR_OK);
    journal_close(journal);
    DIR *directory = opendir(place.path);
    REQUIRE(directory != NULL);
    char hidden[256] = "", path[400];
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] == '0' && strcmp(entry->d_name, FIRST) > 0 &&
            (hidden[0] == '\0' || strcmp(entry->d_name, hidden) < 0))
            (void)strcpy(hidden, entry->d_name);
    (void)closedir(directory);
    (void)snprintf(path, sizeof path, "%s/%s", place.path, hidden);
    REQUIRE(unlink(path) == 0);
    log_set_level(LOG_ERROR);
    CHECK(count_good(&place) < 10);
    CHECK_EQUAL(counters_get(&place.counters, COUNTER_JOURNAL_CORRUPT), 1);
    place_fini(&place);
}

TEST_MAIN(TEST_CASE(a_flipped_bit_anywhere_costs_at_most_one_record_and_is_counted),
          TEST_CASE(a_file_cut_anywhere_gives_the_records_before_the_cut),
          TEST_CASE(random_damage_never_gives_a_wrong_record), TEST_CASE(a_missing_segment_in_the_middle_is_counted))
