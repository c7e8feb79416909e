/* judge: what was predicted against what was observed, and whether the change helped. */
#ifndef SEISMESH_ANALYZER_JUDGE_H
#define SEISMESH_ANALYZER_JUDGE_H

#include "analyzer/routing/recognise.h"

typedef enum { OUTCOME_NONE, OUTCOME_HELPED, OUTCOME_NO_EFFECT, OUTCOME_HARMED } outcome_t;

/* One figure before the change and after it. `inside`: in the interval that was foretold (when `told`). */
typedef struct {
    bool told, inside;
    double before, observed; /* NAN = nothing to be read from */
    int change;              /* -1 better, 1 worse, 0 not clearly either */
} figure_t;

typedef struct {
    outcome_t outcome;
    figure_t errors, p99_s;
} judgement_t;

/* Compares `after` with `before` and with the forecast. A rise of errors that was foretold is the price of the change,
 * not harm. */
void judge(const trial_t *trial, judgement_t *judgement);

/* Whether harm is clear although the window is not over. */
bool judge_harm(const trial_t *trial);

/* The document as proposed, with what has come of it. `judgement` NULL: not judged (yet); `wanted`: so many more
 * requests would do. To be freed; NULL when there is no memory for it. */
char *trial_document(const trial_t *trial, int64_t now_ns, const judgement_t *judgement, double wanted);

#endif
