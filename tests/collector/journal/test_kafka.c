/* The journal in Kafka, against librdkafka's own broker in this process. */
#include "collector/journal/journal.h"
#include "collector/journal/kafka_key.h"
#include "collector/journal/kafka_offsets.h"
#include "tests/test.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdatomic.h>
#include <time.h>

#define SECOND INT64_C(1000000000)

/* The test's broker lets a group wait for its members for about as long as their session lasts. */
#define QUICK "session.timeout.ms=2500; heartbeat.interval.ms=200; "

static const char *const topics[OTLP_KINDS] = {"otlp_spans", "otlp_metrics", "otlp_logs"};

/* A broker, and a producer that is not ours. */
typedef struct {
    rd_kafka_t *host, *producer;
    rd_kafka_mock_cluster_t *cluster;
    counters_t counters;
    char why[512];
} broker_t;

static rd_kafka_t *client_new(rd_kafka_conf_t *conf) {
    char why[256];
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (client == NULL) abort();
    return client;
}

static void broker_init(broker_t *broker, int partitions) {
    memset(broker, 0, sizeof *broker);
    broker->host = client_new(rd_kafka_conf_new());
    broker->cluster = rd_kafka_mock_cluster_new(broker->host, 1);
    if (broker->cluster == NULL) abort();
    for (int i = 0; i < OTLP_KINDS; i++)
        (void)rd_kafka_mock_topic_create(broker->cluster, topics[i], i == OTLP_TRACES ? partitions : 1, 1);
}

static void broker_fini(broker_t *broker) {
    if (broker->producer != NULL) rd_kafka_destroy(broker->producer);
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->host);
}

static void send_with(broker_t *broker, const char *compression, const char *topic, int partition, slice_t value) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(broker->cluster), why,
                            sizeof why);
    REQUIRE(rd_kafka_conf_set(conf, "compression.codec", compression, why, sizeof why) == RD_KAFKA_CONF_OK);
    rd_kafka_t *producer = client_new(conf);
    REQUIRE(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len),
                              RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    REQUIRE(rd_kafka_flush(producer, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

/* One member of a group. */
typedef struct {
    journal_t *journal;
    int checkpoints;
    err_t checkpoint_result;
    uint64_t next; /* position behind what it was handed */
    buffer_t state;
} member_t;

/* As the daemon does: the state is kept, then the journal hears of it. */
static err_t save(member_t *member) {
    buffer_clear(&member->state);
    journal_save(member->journal, &member->state);
    journal_release(member->journal, member->next);
    return ERR_OK;
}

static err_t on_checkpoint(void *context) {
    member_t *member = context;
    member->checkpoints++;
    return member->checkpoint_result == ERR_OK ? save(member) : member->checkpoint_result;
}

static err_t member_open(broker_t *broker, member_t *member, const char *group, const char *properties, slice_t state) {
    journal_kafka_config_t config = {.brokers = rd_kafka_mock_cluster_bootstraps(broker->cluster),
                                     .group = group,
                                     .topics = {topics[0], topics[1], topics[2]},
                                     .properties = properties,
                                     .queue_bytes = 64 << 20,
                                     .request_bytes = 1 << 20,
                                     .checkpoint = on_checkpoint,
                                     .context = member};
    return journal_open_kafka(&config, member->next, state, &broker->counters, &member->journal, broker->why,
                              sizeof broker->why);
}

static void member_close(member_t *member) {
    journal_close(member->journal);
    buffer_fini(&member->state);
}

/* Waits at most `seconds`; false when nothing came. */
static bool next(member_t *member, int seconds, journal_record_t *record) {
    for (int i = 0; i < seconds * 10; i++)
        if (journal_next(member->journal, SECOND / 10, record) == ERR_OK) {
            member->next = record->next;
            return true;
        }
    return false;
}

static void put_block(buffer_t *out, uint8_t field, slice_t block) {
    buffer_byte(out, (uint8_t)(field << 3 | WIRE_BLOCK));
    buffer_block(out, block);
}

static void put_fixed64(buffer_t *out, uint8_t field, uint64_t value) {
    buffer_byte(out, (uint8_t)(field << 3 | WIRE_FIXED64));
    buffer_u64(out, value);
}

/* A request of one span whose start says which one it is. */
static void request(buffer_t *out, uint64_t number) {
    static const uint8_t trace[16] = {1}, span[8] = {2};
    buffer_t one = {0}, scope = {0}, resource = {0};
    put_block(&one, 1, slice_of(trace, sizeof trace));
    put_block(&one, 2, slice_of(span, sizeof span));
    put_block(&one, 5, slice_text("call"));
    put_fixed64(&one, 7, 1000 + number);
    put_fixed64(&one, 8, 1000 + number);
    put_block(&scope, 2, buffer_slice(&one));
    put_block(&resource, 2, buffer_slice(&scope));
    put_block(out, 1, buffer_slice(&resource));
    buffer_fini(&one);
    buffer_fini(&scope);
    buffer_fini(&resource);
}

static uint64_t number_of(const journal_record_t *record) {
    uint64_t number;
    memcpy(&number, record->payload.data + record->payload.len - 8, sizeof number);
    return number - 1000;
}

typedef struct {
    _Atomic int answers[16]; /* by err_t */
} answers_t;

static void on_done(void *context, err_t result) {
    answers_t *answers = context;
    answers->answers[result]++;
}

static void append(member_t *member, uint64_t number, answers_t *answers) {
    buffer_t payload = {0};
    request(&payload, number);
    REQUIRE(journal_append(member->journal, OTLP_TRACES, (int64_t)(7000 + number) * 1000000, &payload, on_done,
                           answers) == ERR_OK);
    CHECK(payload.data == NULL);
}

static void send_numbers(broker_t *broker, int partitions, uint64_t from, uint64_t to) {
    for (uint64_t n = from; n < to; n++) {
        buffer_t payload = {0};
        request(&payload, n);
        send_with(broker, "none", topics[0], (int)(n % (uint64_t)partitions), buffer_slice(&payload));
        buffer_fini(&payload);
    }
}

TEST(what_is_appended_is_acknowledged_and_handed_out_in_order) {
    broker_t broker;
    member_t member = {0};
    answers_t answers = {0};
    journal_record_t record;
    broker_init(&broker, 1);
    REQUIRE(member_open(&broker, &member, "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    for (uint64_t n = 0; n < 50; n++) append(&member, n, &answers);
    for (uint64_t n = 0; n < 50; n++) {
        REQUIRE(next(&member, 20, &record));
        CHECK_EQUAL(record.kind, OTLP_TRACES);
        CHECK_EQUAL(number_of(&record), n);
        CHECK_EQUAL(record.arrival_ns, (int64_t)(7000 + n) * 1000000);
        CHECK(record.next > record.position);
    }
    CHECK_EQUAL(answers.answers[ERR_OK], 50);
    buffer_t nothing = {0};
    CHECK(journal_append(member.journal, JOURNAL_TICK, 42, &nothing, on_done, &answers) == ERR_OK);
    REQUIRE(next(&member, 5, &record));
    CHECK_EQUAL(record.kind, JOURNAL_TICK);
    CHECK_EQUAL(record.arrival_ns, 42);
    member_close(&member);
    broker_fini(&broker);
}

TEST(every_compression_and_json_are_read_and_what_is_no_request_is_skipped_and_counted) {
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    broker_t broker;
    member_t member = {0};
    journal_record_t record;
    broker_init(&broker, 1);
    for (uint64_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        buffer_t payload = {0};
        request(&payload, i);
        send_with(&broker, codecs[i], topics[0], 0, buffer_slice(&payload));
        buffer_fini(&payload);
        send_with(&broker, codecs[i], topics[0], 0, slice_text("no request"));
    }
    send_with(&broker, "none", topics[0], 0,
              slice_text(" {\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{"
                         "\"traceId\":\"01000000000000000000000000000000\",\"spanId\":\"0200000000000000\","
                         "\"startTimeUnixNano\":\"1005\",\"endTimeUnixNano\":\"1005\"}]}]}]}"));
    REQUIRE(member_open(&broker, &member, "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    for (uint64_t i = 0; i < 6; i++) {
        REQUIRE(next(&member, 20, &record));
        CHECK_EQUAL(number_of(&record), i);
    }
    CHECK_EQUAL(counters_get(&broker.counters, COUNTER_JOURNAL_CORRUPT), 5);
    member_close(&member);
    broker_fini(&broker);
}

TEST(after_a_crash_it_goes_on_where_its_state_says_whatever_the_group_knows) {
    broker_t broker;
    member_t before = {0}, after = {0};
    journal_record_t record;
    broker_init(&broker, 1);
    send_numbers(&broker, 1, 0, 30);
    REQUIRE(member_open(&broker, &before, "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    for (int i = 0; i < 10; i++) REQUIRE(next(&before, 20, &record));
    buffer_t kept = {0};
    journal_save(before.journal, &kept);                             /* reaches the disk; the group never hears of it */
    for (int i = 0; i < 7; i++) REQUIRE(next(&before, 20, &record)); /* counted by nobody: lost with the process */
    after.next = 12345;
    REQUIRE(member_open(&broker, &after, "two", QUICK, buffer_slice(&kept)) == ERR_OK);
    for (uint64_t n = 10; n < 30; n++) {
        REQUIRE(next(&after, 20, &record));
        CHECK_EQUAL(number_of(&record), n);
        CHECK(record.position >= 12345);
    }
    CHECK(!next(&after, 1, &record));
    buffer_fini(&kept);
    member_close(&before);
    member_close(&after);
    broker_fini(&broker);
}

TEST(a_clean_stop_tells_the_group_and_another_member_goes_on_there) {
    broker_t broker;
    member_t first = {0}, second = {0};
    journal_record_t record;
    broker_init(&broker, 1);
    send_numbers(&broker, 1, 0, 20);
    REQUIRE(member_open(&broker, &first, "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    for (int i = 0; i < 8; i++) REQUIRE(next(&first, 20, &record));
    CHECK(save(&first) == ERR_OK);
    member_close(&first);
    REQUIRE(member_open(&broker, &second, "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    for (uint64_t n = 8; n < 20; n++) {
        REQUIRE(next(&second, 20, &record));
        CHECK_EQUAL(number_of(&record), n);
    }
    member_close(&second);
    broker_fini(&broker);
}

TEST(partitions_change_hands_with_a_checkpoint_and_nothing_is_handed_out_twice) {
    enum { PARTITIONS = 8, MESSAGES = 120 }; /* of ten in all, five move: three or more of spans */
    broker_t broker;
    member_t members[2] = {{0}, {0}};
    journal_record_t record;
    int seen[MESSAGES] = {0}, total = 0, by_second = 0;
    broker_init(&broker, PARTITIONS);
    send_numbers(&broker, PARTITIONS, 0, MESSAGES / 2);
    REQUIRE(member_open(&broker, &members[0], "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    for (int i = 0; i < 20; i++) {
        REQUIRE(next(&members[0], 20, &record));
        seen[number_of(&record)]++;
        total++;
    }
    REQUIRE(member_open(&broker, &members[1], "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    bool sent = false;
    for (int i = 0; i < 1200 && total < MESSAGES; i++) {
        for (int who = 0; who < 2; who++) {
            if (journal_next(members[who].journal, SECOND / 50, &record) != ERR_OK) continue;
            members[who].next = record.next;
            seen[number_of(&record)]++;
            total++;
            by_second += who;
        }
        /* the second half is for both: once the second member has been given its share */
        if (!sent && members[0].checkpoints > 0) {
            send_numbers(&broker, PARTITIONS, MESSAGES / 2, MESSAGES);
            sent = true;
        }
    }
    CHECK_EQUAL(total, MESSAGES);
    for (int n = 0; n < MESSAGES; n++) CHECK_EQUAL(seen[n], 1);
    CHECK(members[0].checkpoints > 0);
    CHECK(by_second > 0);
    member_close(&members[0]);
    member_close(&members[1]);
    broker_fini(&broker);
}

TEST(without_a_broker_senders_are_told_to_come_back) {
    broker_t broker;
    member_t member = {0};
    answers_t answers = {0};
    broker_init(&broker, 1);
    (void)rd_kafka_mock_broker_set_down(broker.cluster, 1);
    REQUIRE(member_open(&broker, &member, "one", QUICK "message.timeout.ms=1000", slice_of(NULL, 0)) == ERR_OK);
    append(&member, 1, &answers);
    for (int i = 0; i < 200 && (answers.answers[ERR_FULL] == 0 || journal_state(member.journal) == ERR_OK); i++) {
        journal_record_t record;
        (void)journal_next(member.journal, SECOND / 10, &record);
    }
    CHECK_EQUAL(answers.answers[ERR_FULL], 1);
    CHECK_EQUAL(journal_state(member.journal), ERR_FULL);
    (void)rd_kafka_mock_broker_set_up(broker.cluster, 1);
    for (int i = 0; i < 20 && answers.answers[ERR_OK] == 0; i++) {
        journal_record_t record;
        append(&member, 2, &answers);
        (void)next(&member, 1, &record);
    }
    for (int i = 0; i < 50 && journal_state(member.journal) != ERR_OK; i++) {
        journal_record_t record;
        (void)next(&member, 1, &record);
    }
    CHECK(answers.answers[ERR_OK] > 0);
    CHECK_EQUAL(journal_state(member.journal), ERR_OK);
    member_close(&member);
    broker_fini(&broker);
}

TEST(settings_that_librdkafka_does_not_take_are_refused_with_their_name) {
    broker_t broker;
    member_t member = {0};
    broker_init(&broker, 1);
    CHECK_EQUAL(member_open(&broker, &member, "one", "no.such.thing=1", slice_of(NULL, 0)), ERR_INVALID);
    CHECK(strstr(broker.why, "no.such.thing") != NULL);
    CHECK_EQUAL(member_open(&broker, &member, "one", "nonsense", slice_of(NULL, 0)), ERR_INVALID);
    CHECK(strstr(broker.why, "nonsense") != NULL);
    CHECK_EQUAL(member_open(&broker, &member, "one", "", slice_text("\x7f")), ERR_FOREIGN);
    broker_fini(&broker);
}

/* A cumulative stream makes sense in its order only, and order is kept within a partition. */
TEST(a_request_of_three_resources_goes_out_in_three_and_is_acknowledged_once) {
    broker_t broker;
    member_t member = {0};
    answers_t answers = {0};
    journal_record_t record;
    buffer_t payload = {0};
    size_t sent, got = 0;
    broker_init(&broker, 1);
    REQUIRE(member_open(&broker, &member, "one", QUICK, slice_of(NULL, 0)) == ERR_OK);
    for (int i = 0; i < 3; i++) {
        buffer_t resource = {0};
        put_block(&resource, 1, slice_of(NULL, 0));
        put_block(&payload, 1, buffer_slice(&resource));
        buffer_fini(&resource);
    }
    sent = payload.len;
    REQUIRE(journal_append(member.journal, OTLP_METRICS, 7000000000, &payload, on_done, &answers) == ERR_OK);
    for (int i = 0; i < 3; i++) {
        REQUIRE(next(&member, 20, &record));
        CHECK_EQUAL(record.kind, OTLP_METRICS);
        got += record.payload.len;
    }
    CHECK_EQUAL(got, sent);
    CHECK_EQUAL(answers.answers[ERR_OK], 1);
    member_close(&member);
    broker_fini(&broker);
}

TEST(spans_are_keyed_by_their_trace_and_what_has_none_by_its_bytes) {
    uint8_t one[KAFKA_KEY_BYTES], other[KAFKA_KEY_BYTES];
    buffer_t first = {0}, second = {0};
    request(&first, 1);
    request(&second, 2);
    kafka_key(OTLP_TRACES, buffer_slice(&first), one);
    kafka_key(OTLP_TRACES, buffer_slice(&second), other);
    CHECK(memcmp(one, other, sizeof one) == 0);
    CHECK_EQUAL(one[0], 1);
    kafka_key(OTLP_LOGS, buffer_slice(&first), one);
    kafka_key(OTLP_LOGS, buffer_slice(&second), other);
    CHECK(memcmp(one, other, sizeof one) != 0);
    buffer_fini(&first);
    buffer_fini(&second);
}

TEST(offsets_survive_their_wire_form_and_damage_is_refused) {
    kafka_offsets_t offsets = {0}, read = {0};
    buffer_t bytes = {0};
    for (int i = 0; i < 100; i++) CHECK(kafka_offsets_set(&offsets, i % 2 ? "a" : "b", i, i * 1000) == ERR_OK);
    CHECK_EQUAL(kafka_offsets_set(&offsets, "", 0, 0), ERR_INVALID);
    CHECK_EQUAL(kafka_offsets_set(&offsets, "a", -1, 0), ERR_INVALID);
    kafka_offsets_remove(&offsets, "b", 0);
    kafka_offsets_encode(&offsets, &bytes);
    REQUIRE(kafka_offsets_decode(&read, buffer_slice(&bytes)) == ERR_OK);
    CHECK_EQUAL(read.count, 99);
    CHECK_EQUAL(kafka_offsets_find(&read, "a", 51)->next, 51000);
    CHECK(kafka_offsets_find(&read, "b", 0) == NULL);
    kafka_offsets_fini(&read);
    for (size_t len = 0; len < bytes.len; len++)
        CHECK(kafka_offsets_decode(&read, slice_of(bytes.data, len)) != ERR_OK);
    kafka_offsets_fini(&offsets);
    buffer_fini(&bytes);
}

#ifdef __SANITIZE_THREAD__
/* librdkafka starts its threads by thrd_create(), of which ThreadSanitizer does not know: it ends the process. */
__attribute__((unused)) static void (*const untested[])(void) = {
    what_is_appended_is_acknowledged_and_handed_out_in_order,
    every_compression_and_json_are_read_and_what_is_no_request_is_skipped_and_counted,
    after_a_crash_it_goes_on_where_its_state_says_whatever_the_group_knows,
    a_clean_stop_tells_the_group_and_another_member_goes_on_there,
    partitions_change_hands_with_a_checkpoint_and_nothing_is_handed_out_twice,
    without_a_broker_senders_are_told_to_come_back,
    settings_that_librdkafka_does_not_take_are_refused_with_their_name,
    a_request_of_three_resources_goes_out_in_three_and_is_acknowledged_once,
};
TEST_MAIN(TEST_CASE(spans_are_keyed_by_their_trace_and_what_has_none_by_its_bytes),
          TEST_CASE(offsets_survive_their_wire_form_and_damage_is_refused))
#else
TEST_MAIN(TEST_CASE(what_is_appended_is_acknowledged_and_handed_out_in_order),
          TEST_CASE(every_compression_and_json_are_read_and_what_is_no_request_is_skipped_and_counted),
          TEST_CASE(after_a_crash_it_goes_on_where_its_state_says_whatever_the_group_knows),
          TEST_CASE(a_clean_stop_tells_the_group_and_another_member_goes_on_there),
          TEST_CASE(partitions_change_hands_with_a_checkpoint_and_nothing_is_handed_out_twice),
          TEST_CASE(without_a_broker_senders_are_told_to_come_back),
          TEST_CASE(settings_that_librdkafka_does_not_take_are_refused_with_their_name),
          TEST_CASE(a_request_of_three_resources_goes_out_in_three_and_is_acknowledged_once),
          TEST_CASE(spans_are_keyed_by_their_trace_and_what_has_none_by_its_bytes),
          TEST_CASE(offsets_survive_their_wire_form_and_damage_is_refused))
#endif
