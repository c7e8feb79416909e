#include "collector/receive/intake.h"

#include "collector/fold/otlp_json.h"

#include <inttypes.h>

enum { TICKET_IDLE, TICKET_WAITING, TICKET_ANSWERED, TICKET_ABANDONED };

void ticket_init(ticket_t *ticket, intake_t *intake, const receiver_config_t *config, otlp_kind_t kind,
                 void (*answered)(ticket_t *), void (*forgotten)(ticket_t *)) {
    *ticket = (ticket_t){.intake = intake,
                         .config = config,
                         .answered = answered,
                         .forgotten = forgotten,
                         .answer = {.kind = kind},
                         .kind = kind,
                         .state = TICKET_IDLE};
}

bool intake_admits(const intake_t *intake, const receiver_config_t *config, uint64_t bytes) {
    uint64_t held = atomic_load_explicit(&intake->held_bytes, memory_order_relaxed);
    return held <= config->memory_bytes && bytes <= config->memory_bytes - held;
}

bool ticket_hold(ticket_t *ticket, uint64_t more) {
    _Atomic uint64_t *held = &ticket->intake->held_bytes;
    uint64_t before = atomic_fetch_add_explicit(held, more, memory_order_relaxed);
    if (before > ticket->config->memory_bytes || more > ticket->config->memory_bytes - before) {
        atomic_fetch_sub_explicit(held, more, memory_order_relaxed);
        return false;
    }
    ticket->held_bytes += more;
    return true;
}

void ticket_release(ticket_t *ticket) {
    atomic_fetch_sub_explicit(&ticket->intake->held_bytes, ticket->held_bytes, memory_order_relaxed);
    ticket->held_bytes = 0;
}

void intake_count_refusal(intake_t *intake, situation_t situation) {
    counters_add(intake->counters, situation_info[situation].counter, 1);
}

static bool hold_for_inflating(void *context, uint64_t more) {
    return ticket_hold(context, more);
}

/* Bad bytes to the sender's own situation; what is our lack of room to one that can be retried. */
static situation_t situation_of(err_t err) {
    switch (err) {
    case ERR_OK:
        return SITUATION_ACCEPTED;
    case ERR_TOO_LARGE:
        return SITUATION_TOO_LARGE;
    case ERR_UNSUPPORTED:
        return SITUATION_CODING;
    case ERR_FULL:
    case ERR_NOMEM:
        return SITUATION_OVERLOAD;
    case ERR_CLOSED:
        return SITUATION_DRAINING;
    case ERR_IO:
        return SITUATION_STORAGE;
    default:
        return SITUATION_MALFORMED;
    }
}

static bool ticket_refuse(ticket_t *ticket, err_t err, const char *text) {
    if (text != NULL && text[0] != '\0')
        answer_set(&ticket->answer, situation_of(err), "%s", text);
    else
        answer_set(&ticket->answer, situation_of(err), NULL);
    return false;
}

static bool prepare_inflated(ticket_t *ticket, coding_t coding, buffer_t *body) {
    if (coding == CODING_IDENTITY) return true;
    inflate_limits_t limits = {ticket->config->request_bytes, hold_for_inflating, ticket};
    buffer_t inflated = {0};
    err_t err = inflate_body(coding, buffer_slice(body), &limits, &inflated);
    buffer_fini(body);
    *body = inflated;
    if (err == ERR_TOO_LARGE)
        answer_set(&ticket->answer, SITUATION_TOO_LARGE,
                   "the inflated body is over the limit of %" PRIu64 " bytes or inflates more than %d-fold",
                   ticket->config->request_bytes, INFLATE_RATIO_MAX);
    else if (err != ERR_OK)
        (void)ticket_refuse(ticket, err, err == ERR_MALFORMED ? "the compressed body is damaged or cut short" : NULL);
    return err == ERR_OK;
}

static bool prepare_protobuf(ticket_t *ticket, format_t format, buffer_t *body) {
    if (format == FORMAT_PROTOBUF || body->len == 0) return true;
    buffer_t mapped = {0};
    char why[ANSWER_TEXT_MAX] = "";
    if (!ticket_hold(ticket, body->len)) return ticket_refuse(ticket, ERR_FULL, NULL);
    err_t err =
        otlp_json_decode(ticket->kind, buffer_slice(body), ticket->config->request_bytes, &mapped, why, sizeof why);
    buffer_fini(body);
    *body = mapped;
    return err == ERR_OK || ticket_refuse(ticket, err, why);
}

/* A partial success says how many items were refused, and why the first one was. */
static void note_rejected(ticket_t *ticket, const otlp_summary_t *summary) {
    static const char *const things[OTLP_KINDS] = {"spans", "data points", "log records"};
    ticket->items = summary->items;
    ticket->answer.rejected = summary->rejected;
    if (summary->rejected > 0)
        answer_set(&ticket->answer, SITUATION_ACCEPTED, "%" PRIu64 " of %" PRIu64 " %s rejected; the first one: %s",
                   summary->rejected, summary->items, things[ticket->kind], span_fault_text(summary->fault));
}

bool intake_prepare(ticket_t *ticket, format_t format, coding_t coding, buffer_t *body) {
    if (!prepare_inflated(ticket, coding, body) || !prepare_protobuf(ticket, format, body)) return false;
    otlp_summary_t summary = {0};
    int64_t now_ns = clock_wall_ns(ticket->intake->clock);
    ticket->arrival_ns = now_ns - now_ns % NS_PER_MS; /* Kafka keeps no more of it */
    err_t err = otlp_check(ticket->kind, buffer_slice(body), ticket->arrival_ns, &summary);
    if (err != ERR_OK) {
        answer_set(&ticket->answer, SITUATION_MALFORMED, "the body is not an OTLP %s request",
                   otlp_kind_names[ticket->kind]);
        return false;
    }
    note_rejected(ticket, &summary);
    return summary.items > 0;
}

static void count_accepted(const ticket_t *ticket) {
    static const counter_t accepted[OTLP_KINDS] = {COUNTER_ACCEPTED_SPANS, COUNTER_ACCEPTED_POINTS,
                                                   COUNTER_ACCEPTED_LOGS};
    static const counter_t rejected[OTLP_KINDS] = {COUNTER_REJECTED_SPANS, COUNTER_REJECTED_POINTS,
                                                   COUNTER_REJECTED_LOGS};
    counters_add(ticket->intake->counters, accepted[ticket->kind], ticket->items - ticket->answer.rejected);
    if (ticket->answer.rejected > 0)
        counters_add(ticket->intake->counters, rejected[ticket->kind], ticket->answer.rejected);
}

static void ticket_finish(ticket_t *ticket, err_t result) {
    if (result == ERR_OK) {
        count_accepted(ticket);
    } else {
        ticket->answer.rejected = 0;
        (void)ticket_refuse(ticket, result, NULL);
    }
    ticket->answered(ticket);
}

/* The journal's answer. After ticket_abandon the intake may be gone already: only the ticket's memory is left. */
static void journal_answered(void *context, err_t result) {
    ticket_t *ticket = context;
    int waiting = TICKET_WAITING;
    if (atomic_compare_exchange_strong(&ticket->state, &waiting, TICKET_ANSWERED))
        ticket_finish(ticket, result);
    else
        ticket->forgotten(ticket);
}

void intake_commit(ticket_t *ticket, buffer_t *body) {
    intake_t *intake = ticket->intake;
    atomic_store(&ticket->state, TICKET_WAITING);
    err_t err =
        journal_append(intake->journal, (uint8_t)ticket->kind, ticket->arrival_ns, body, journal_answered, ticket);
    if (err != ERR_OK) journal_answered(ticket, err);
}

bool ticket_abandon(ticket_t *ticket) {
    int waiting = TICKET_WAITING;
    return atomic_compare_exchange_strong(&ticket->state, &waiting, TICKET_ABANDONED);
}
