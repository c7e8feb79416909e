/* Decides what to suggest for an incident. Every planner may propose a change; doing nothing is always a candidate.
 * Taken is the one that spares users most, counted at the bad end of its forecast and less a part for its blast radius,
 * if
 *
 *   - the targets that get more traffic can bear it,
 *   - users are better off even at the bad end of the forecast,
 *   - it takes away at least half of what the fault costs them: else what ails them is elsewhere.
 *
 * Otherwise nothing, and the suggestion says why, and what could help. A suggestion is made once per kind and incident:
 * an abstention may give way to a change when the evidence has come, and what only limits the harm to what takes the
 * cause away. The first look at an incident proposes nothing: who did it often changes with the second. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"
#include "analyzer/routing/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t EXPIRY_NS = INT64_C(30) * 60 * 1000000000;
static const int64_t SETTLED_NS = INT64_C(10) * 1000000000;
static const double TAKEN_AWAY_MIN = 0.5, BLAST_PRICE = 0.2, BY_HAND_PRICE = 0.1;

/* `rank`: a suggestion gives way to one of a higher rank. */
static const struct {
    const char *name;
    uint8_t rank;
} kinds[KINDS] = {
    [KIND_NOTHING_YET] = {"", 0},
    [KIND_NONE] = {"none", 1},
    [KIND_SET_TIMEOUT] = {"set_timeout", 2},
    [KIND_CIRCUIT_BREAKER] = {"circuit_breaker", 2},
    [KIND_RATE_LIMIT] = {"rate_limit", 2},
    [KIND_CUT_RETRIES] = {"cut_retries", 3},
    [KIND_ROLL_BACK] = {"roll_back_version", 3},
    [KIND_PROMOTE] = {"promote_version", 3},
    [KIND_SHIFT_ZONES] = {"shift_zones", 3},
    [KIND_FAIL_OVER] = {"fail_over", 3},
    [KIND_EJECT] = {"eject_instance", 3},
    [KIND_DRAIN] = {"drain_instance", 3},
};

static const planner_t planners[] = {plan_versions, plan_zones,          plan_ejection, plan_drain,
                                     plan_retries,  plan_longer_timeout, plan_timeout,  plan_limit};
enum { PLANNERS = sizeof planners / sizeof planners[0] };

const flow_t *routing_flow(const analyzer_t *analyzer, uint32_t service) {
    subject_key_t key = {.kind = ENTITY_SERVICE, .service = service};
    uint32_t subject = subject_find(analyzer, &key);
    return subject == NO_INDEX ? NULL : analyzer->subjects[subject].flow;
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *forecast(const forecast_t *f) {
    if (!isfinite(f->now) || !isfinite(f->predicted)) return json_null();
    return json_pack("{so,so,so,so}", "now", number(f->now), "predicted", number(f->predicted), "low", number(f->low),
                     "high", number(f->high));
}

static json_t *load_of(const analyzer_t *analyzer, const plan_t *plan) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < plan->load_count; i++) {
        const load_row_t *row = &plan->load[i];
        (void)json_array_append_new(list, json_pack("{ss,so,so,so}", "target", routing_name(analyzer, row->name),
                                                    "now_rate", number(row->now), "predicted_rate",
                                                    number(row->predicted), "highest_seen_rate", number(row->highest)));
    }
    return list;
}

static json_t *text_or_null(const analyzer_t *analyzer, uint32_t id) {
    return id == 0 ? json_null() : json_string(routing_name(analyzer, id));
}

static json_t *wrong_if(const plan_t *plan) {
    json_t *list = json_array();
    for (size_t i = 0; i < WRONG_IF_MAX && plan->wrong_if[i] != NULL; i++)
        (void)json_array_append_new(list, json_string(plan->wrong_if[i]));
    return list;
}

const routing_language_ops *routing_language_set(const analyzer_t *analyzer) {
    const char *name = analyzer->config.routing_language;
    return name == NULL ? NULL : routing_language(name);
}

/* In how many services' marks (shard.h) a mesh is; *here: in this one's, too. */
static uint32_t count_marks(const analyzer_t *analyzer, const char *mesh, uint32_t service, bool *here) {
    const shard_t *shard = analyzer->shard;
    uint32_t count = 0, name = names_find(&shard->names, slice_text(mesh));
    *here = false;
    for (uint32_t i = 0; i < shard->entity_count && name != UINT32_MAX; i++) {
        const entity_key_t *key = &shard->entities[i];
        if (!entity_is_mark(key) || key->operation != name) continue;
        if (key->service == service) *here = true;
        count++;
    }
    return count;
}

/* That of the mesh in which the service is seen; a service that only its own spans tell of gets that of the mesh in
 * which most services are seen, and where there is none, the first of the list. */
static const routing_language_ops *language_of(const analyzer_t *analyzer, uint32_t service) {
    const routing_language_ops *set = routing_language_set(analyzer), *best = routing_languages[0];
    uint32_t most = 0;
    for (size_t i = 0; set == NULL && routing_languages[i] != NULL; i++) {
        bool here;
        if (routing_languages[i]->mesh == NULL) continue;
        uint32_t count = count_marks(analyzer, routing_languages[i]->mesh, service, &here);
        if (here) return routing_languages[i];
        if (count <= most) continue;
        most = count;
        best = routing_languages[i];
    }
    return set != NULL ? set : best;
}

/* The action as objects of the mesh, and in itself, so that it can be written in another language later. */
static void add_change(const analyzer_t *analyzer, const plan_t *plan, json_t *document) {
    change_t change;
    const routing_language_ops *language = language_of(analyzer, plan->service);
    if (plan->kind == KIND_NONE) {
        json_t *nothing = json_pack("{ss,s[],ss,ss,sn,s[],sn,sn,sn}", "mesh", language->name, "objects", "apply", "",
                                    "undo", "", "read", "limits", "cannot", "beside", "action");
        (void)json_object_update(document, nothing);
        json_decref(nothing);
        return;
    }
    (void)routing_render(language, &plan->action, NULL, &change);
    change_into(&change, &plan->action, document);
    change_fini(&change);
    (void)json_object_set_new(document, "action", action_to_json(&plan->action));
}

static char *document(const analyzer_t *analyzer, const incident_t *incident, const plan_t *plan, int64_t now_ns,
                      int64_t expires_ns) {
    char id[24], incident_id[24];
    (void)snprintf(id, sizeof id, "%" PRIu64, incident->suggestion);
    (void)snprintf(incident_id, sizeof incident_id, "%" PRIu64, incident->id);
    bool acts = plan->kind != KIND_NONE;
    json_t *target = json_pack("{so,so,so,so}", "service", text_or_null(analyzer, plan->service), "version",
                               text_or_null(analyzer, plan->version), "zone", text_or_null(analyzer, plan->zone),
                               "instance", text_or_null(analyzer, plan->instance));
    json_t *effect =
        json_pack("{so,so,so}", "error_ratio", acts ? forecast(&plan->effect.errors) : json_null(), "p99_s",
                  acts ? forecast(&plan->effect.p99_s) : json_null(), "load", load_of(analyzer, plan));
    json_t *whole = json_pack(
        "{ss,ss,ss,ss,ss,ss,sI,sI,so,so,s{sb,ss},sf,ss,so}", "id", id, "incident", incident_id, "state", "open", "kind",
        kinds[plan->kind].name, "title", plan->title, "sentence", plan->sentence, "created_ms",
        (json_int_t)(now_ns / 1000000), "expires_ms", (json_int_t)(expires_ns / 1000000), "target", target, "effect",
        effect, "capacity", "fits", acts && effect_fits(&plan->effect) ? 1 : 0, "sentence", plan->capacity,
        "confidence", plan->confidence, "blast_radius", plan->blast_radius, "wrong_if", wrong_if(plan));
    (void)json_object_set_new(whole, "explanation", incident_explanation(analyzer, incident));
    if (whole != NULL) add_change(analyzer, plan, whole);
    char *text = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    return text;
}

/* Where to look instead, in a few words. */
static const char *elsewhere(const blame_t *blame, bool single) {
    if (blame->saturation > 0)
        return single ? "more processor or memory, or a second instance, could help" : "more instances could help";
    if (blame->network > 0) return "its nodes and its network path are the first places to look";
    return single ? "its last change and its logs are the first places to look" : "a shared cause is more likely";
}

/* What came near, and why it is not proposed. Shorter than a sentence, of which it becomes a part. */
enum { NEAR_BYTES = SENTENCE_BYTES - 192 };

typedef struct {
    char text[NEAR_BYTES]; /* "" = nothing did */
    bool planned;          /* it was a whole plan, and something speaks against it */
} near_t;

/* Why routing cannot help, and what could. */
static void plan_none(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, const near_t *near,
                      plan_t *plan) {
    plan->kind = KIND_NONE;
    plan->service = blame->service;
    plan->instance = blame->instance;
    const char *service = routing_name(analyzer, blame->service), *also = near->text[0] == '\0' ? "" : ", and ";
    (void)snprintf(plan->title, sizeof plan->title, "No routing change would help %s", service);
    peers_t peers;
    peers_collect(analyzer, blame->service, ENTITY_INSTANCE, &peers);
    uint32_t instances = peers.count;
    contrast_t between = peers_contrast(&peers);
    peers_collect(analyzer, blame->service, ENTITY_VERSION, &peers);
    contrast_t versions = peers_contrast(&peers);
    phrase_t more;
    routing_action_t checked = {.kind = ACTION_NONE};
    if (!action_set_service(&checked, service))
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "the service's name is not one that Kubernetes allows, so no object can be written for it");
    else if (near->planned)
        (void)snprintf(plan->sentence, sizeof plan->sentence, "%s; %s", near->text, elsewhere(blame, false));
    else if (versions.wanted > 0 && peers.count > 1)
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "its versions differ, but not clearly yet: about %s more requests to the worse one would decide",
                       phrase_count(&more, ceil(versions.wanted)));
    else if (between.clear && instances == 2)
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "one of its two instances is worse than the other, and nothing tells whether one alone can bear "
                       "everything; "
                       "a third instance, or restarting that pod, could help");
    else if (between.others > 0 && between.others + 1 < instances)
        (void)snprintf(
            plan->sentence, sizeof plan->sentence,
            "%u of its %u instances are worse than the others, so leaving out one would not help, and nothing "
            "tells what they share: look at their nodes and zones, or take them out by hand",
            (unsigned)between.others + 1, (unsigned)instances);
    else if (peers.count <= 1 && instances <= 1)
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "one version and one instance serve it, so there is nowhere to send the traffic%s%s; %s", also,
                       near->text, elsewhere(blame, true));
    else
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "all its versions and instances behave alike, so moving traffic between them changes nothing"
                       "%s%s; %s",
                       also, near->text, elsewhere(blame, false));
    (void)snprintf(plan->capacity, sizeof plan->capacity, "nothing is moved");
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius, "none");
    plan->confidence = incident->established ? 0.5 : 0.2;
    plan->wrong_if[0] = incident->established ? NULL : "the culprit is another service: it is not established";
}

/* What keeps a plan from being proposed, in words; NULL = nothing does. */
static const char *objection(const plan_t *plan) {
    const harm_t *harm = &plan->effect.harm;
    if (!effect_fits(&plan->effect)) return plan->capacity;
    if (!(harm->worst < harm->now)) return "what is known allows that it makes things worse";
    if (!(harm->now - harm->predicted >= TAKEN_AWAY_MIN * (harm->now - harm->usual)))
        return "most of the harm would remain";
    return NULL;
}

/* What a plan spares its users, in failed requests for each request. */
static double spares(const plan_t *plan) {
    double by_hand = plan->kind == KIND_DRAIN ? BY_HAND_PRICE : 0;
    return (plan->effect.harm.now - plan->effect.harm.worst) * (1 - BLAST_PRICE * plan->blast) * (1 - by_hand);
}

/* The best plan without an objection. Else false, and `near` says what came to nothing and why. */
static bool plan_change(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, near_t *near,
                        plan_t *best) {
    bool found = false;
    *near = (near_t){.planned = false};
    for (size_t i = 0; i < PLANNERS; i++) {
        plan_t plan = {0};
        bool proposes = planners[i](analyzer, incident, blame, &plan);
        if (!proposes && plan.cannot != NULL && !near->planned)
            (void)snprintf(near->text, sizeof near->text, "%.800s", plan.cannot);
        if (!proposes) continue;
        const char *why = objection(&plan);
        if (why != NULL && !near->planned) {
            (void)snprintf(near->text, sizeof near->text, "%.560s, but %.240s", plan.sentence, why);
            near->planned = true;
        }
        if (why != NULL || (found && spares(&plan) <= spares(best))) continue;
        *best = plan;
        found = true;
    }
    return found;
}

/* Whether all calls to the service are gRPC. */
static bool speaks_grpc(const analyzer_t *analyzer, uint32_t service) {
    bool grpc = false;
    for (uint32_t i = 0; i < analyzer->shard->entity_count; i++) {
        const entity_key_t *key = &analyzer->shard->entities[i];
        if (key->kind != ENTITY_EDGE || key->service != service) continue;
        if (key->protocol == PROTOCOL_HTTP) return false;
        grpc |= key->protocol == PROTOCOL_GRPC;
    }
    return grpc;
}

static void tell(analyzer_t *analyzer, const incident_t *incident, const plan_t *plan, int64_t now_ns,
                 int64_t expires_ns) {
    char *text = document(analyzer, incident, plan, now_ns, expires_ns);
    if (text == NULL) return;
    analyzer->sink.suggestion(analyzer->sink.context, incident->suggestion, incident->id, now_ns, expires_ns, text);
    verify_propose(analyzer, incident->suggestion, incident->id, now_ns, expires_ns, text);
    free(text);
}

void suggest(analyzer_t *analyzer, incident_t *incident, int64_t now_ns, bool changed) {
    if (analyzer->sink.suggestion == NULL || incident->suspect_count == 0) return;
    uint8_t known = incident->suggestion_kind < KINDS ? incident->suggestion_kind : KIND_ROLL_BACK;
    if (kinds[known].rank >= kinds[KIND_ROLL_BACK].rank) return;
    const blame_t *blame = &incident->suspects[0];
    near_t near;
    plan_t plan = {0}, nothing = {0};
    bool acts = plan_change(analyzer, incident, blame, &near, &plan);
    if (acts && now_ns - incident->opened_ns < SETTLED_NS) return;
    if (acts && speaks_grpc(analyzer, plan.service))
        (void)snprintf(plan.action.protocol, sizeof plan.action.protocol, "grpc");
    if (acts ? kinds[plan.kind].rank <= kinds[known].rank : kinds[known].rank > kinds[KIND_NONE].rank) return;
    if (!acts && known == KIND_NONE && !changed) return; /* said so already */
    if (!acts || known == KIND_NONE) plan_none(analyzer, incident, blame, &near, &nothing);
    /* An abstention is updated in place; a change of mind towards acting is a suggestion of its own, and the abstention
     * is over. */
    if (acts && known == KIND_NONE) tell(analyzer, incident, &nothing, now_ns, now_ns);
    if (acts || known == KIND_NOTHING_YET) incident->suggestion = analyzer->next_suggestion++;
    incident->suggestion_kind = acts ? plan.kind : KIND_NONE;
    tell(analyzer, incident, acts ? &plan : &nothing, now_ns, now_ns + EXPIRY_NS);
}
