/* intake: what both receivers do with a request body: inflate it, map JSON to protobuf, check it, append it to the
 * journal, and answer when the record is durable. The memory of all bodies in flight comes out of one budget.
 *
 *     ticket_init(&ticket, intake, kind, answered, forgotten);
 *     while (bytes come) if (!ticket_hold(&ticket, more)) refuse;
 *     if (intake_prepare(&ticket, format, coding, &body)) intake_commit(&ticket, &body);  // answered() follows
 *     else send(&ticket.answer);
 *     ticket_release(&ticket);
 */
#ifndef SEISMESH_RECEIVE_INTAKE_H
#define SEISMESH_RECEIVE_INTAKE_H

#include "collector/receive/inflate.h"
#include "collector/receive/receiver.h"
#include "collector/receive/status.h"

/* One request from its headers to its answer. Embedded in what the receiver keeps of a request. */
typedef struct ticket ticket_t;
struct ticket {
    intake_t *intake;
    const receiver_config_t *config;
    void (*answered)(ticket_t *ticket);  /* ticket->answer is final; from a thread of the journal, or intake_commit */
    void (*forgotten)(ticket_t *ticket); /* instead, after ticket_abandon: nobody waits any more, free the memory */
    answer_t answer;
    otlp_kind_t kind;
    uint64_t items;      /* in the body, rejected ones included */
    int64_t arrival_ns;  /* the one time by which items are refused here, and dropped in the fold; in whole ms */
    uint64_t held_bytes; /* of the budget */
    _Atomic int state;
};

void ticket_init(ticket_t *ticket, intake_t *intake, const receiver_config_t *config, otlp_kind_t kind,
                 void (*answered)(ticket_t *), void (*forgotten)(ticket_t *));

/* Would a body of so many bytes fit now? Nothing is held: a sender that announces much and sends nothing must not
 * crowd out those that do send. */
bool intake_admits(const intake_t *intake, const receiver_config_t *config, uint64_t bytes);

/* Takes more of the budget; false when it is used up. */
bool ticket_hold(ticket_t *ticket, uint64_t more);
void ticket_release(ticket_t *ticket);

/* Makes `body` what the journal wants: inflated protobuf bytes that were checked. True: call intake_commit now. False:
 * ticket->answer is final (a refusal, or the success of a request without items, which nobody needs to remember). */
bool intake_prepare(ticket_t *ticket, format_t format, coding_t coding, buffer_t *body);

/* Appends to the journal, which takes the body's memory over. `answered` is called once, perhaps before this returns.
 */
void intake_commit(ticket_t *ticket, buffer_t *body);

/* Stops waiting for the journal. True: `answered` will not be called, but later `forgotten`, which may use nothing
 * outside the ticket's own memory. False: `answered` was called or is just being called. */
bool ticket_abandon(ticket_t *ticket);

/* Counts a refusal by its reason. */
void intake_count_refusal(intake_t *intake, situation_t situation);

#endif
