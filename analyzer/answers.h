/* answers: what people said about incidents and anomalies, and how the analyzer honours it.
 *
 *   expected  this is by design. What was seen, and up to half as much again, is normal for this service and signal
 * from now on: it opens no incident and is learned. wrong     a false alarm. The bar rises for this service and signal:
 * a decade of evidence more for each answer (three at most), and more than 1.25 times what was seen. It never rises
 * above half of the requests failing, or four times the usual latency (the upper end of the expected range): beyond
 * that it alarms as before. With a culprit: the incident was real, but this service did not do it; it is not called
 * established then. mute      recorded, but not counted as trouble until then.
 *
 * An answer is about signals of services ("targets"): all versions, instances and callers of the service together,
 * since instances come and go. It is in force for the buckets that end after `since` and not after `until`, in event
 * time, so that a replay honours it in the same buckets. An incident whose deviations are all expected, or all below
 * the bar, is closed. The store keeps answers (collector/store); the analyzer's own state does not. */
#ifndef SEISMESH_ANALYZER_ANSWERS_H
#define SEISMESH_ANALYZER_ANSWERS_H

#include "analyzer/analyzer.h"
#include "analyzer/explain.h"

enum { ANSWERS_MAX = 256, ANSWER_TARGETS_MAX = 100 };

typedef enum { ANSWER_NONE, ANSWER_EXPECTED, ANSWER_WRONG, ANSWER_MUTE, ANSWER_KINDS } answer_kind_t;

extern const char *const answer_names[ANSWER_KINDS]; /* "expected", "wrong", "mute"; NULL for none */

/* The kind of this name, or ANSWER_NONE. */
answer_kind_t answer_kind(const char *name);

/* Gives an answer: `json` is {"answer","culprit"|null,"targets":[{"service","signal","seen","low","high"}]}; more
 * members are ignored. `since_ns` INT64_MIN: from the next bucket on; told back. One of the same id is replaced.
 * ERR_MALFORMED; ERR_FULL: ANSWERS_MAX are in force. */
err_t analyzer_answer(analyzer_t *analyzer, uint64_t id, uint64_t incident, int64_t *since_ns, int64_t until_ns,
                      const char *json);

/* End of the newest bucket seen, behind which what is said now counts; 0 before the first. */
int64_t analyzer_seen_until(const analyzer_t *analyzer);

/* Ends an answer with the buckets up to then. */
void analyzer_revoke(analyzer_t *analyzer, uint64_t id, int64_t until_ns);

/* Takes an answer out as if it had never been given. */
void analyzer_forget(analyzer_t *analyzer, uint64_t id);

/* Adds a deviation to a list of targets, or makes the one of its service and signal as bad as it is. */
void answers_note(json_t *targets, const explanation_t *said);

#endif
