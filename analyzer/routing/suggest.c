/* Decides what to suggest for an incident. In this order: a version that is worse than another one of the same service
 * in the same minute is rolled back; an instance that fails more than its siblings is ejected; calls to a service that
 * keeps its callers waiting get a timeout; a service that gets more than it ever bore gets a limit; otherwise nothing,
 * and the suggestion says why, and what could help. A suggestion is made once per kind and incident: an abstention may
 * give way to a change when the evidence has come, and what only limits the harm to what takes the cause away. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"
#include "analyzer/routing/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t EXPIRY_NS = INT64_C(30) * 60 * 1000000000;

/* `rank`: a suggestion gives way to one of a higher rank. */
static const struct {
    const char *name;
    uint8_t rank;
} kinds[] = {
    [KIND_NOTHING_YET] = {"", 0},
    [KIND_NONE] = {"none", 1},
    [KIND_SET_TIMEOUT] = {"set_timeout", 2},
    [KIND_CIRCUIT_BREAKER] = {"circuit_breaker", 2},
    [KIND_ROLL_BACK] = {"roll_back_version", 3},
    [KIND_EJECT] = {"eject_instance", 3},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const flow_t *routing_flow(const analyzer_t *analyzer, uint32_t service) {
    subject_key_t key = {.kind = ENTITY_SERVICE, .service = service};
    uint32_t subject = subject_find(analyzer, &key);
    return subject == NO_INDEX ? NULL : analyzer->subjects[subject].flow;
}

static uint32_t part_of(const analyzer_t *analyzer, const peers_t *peers, uint32_t index) {
    return analyzer->subjects[peers->items[index].subject].key.part;
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
    const peers_t *peers = plan->peers;
    for (uint32_t i = 0; peers != NULL && plan->kind != KIND_NONE && i < peers->count; i++) {
        const peer_t *peer = &peers->items[i];
        double moved = peers->items[plan->contrast.worst].rate, predicted = 0;
        if (plan->kind == KIND_ROLL_BACK && i == plan->effect.receiver) predicted = plan->effect.rate;
        if (plan->kind == KIND_EJECT && i != plan->contrast.worst) predicted = peer->rate + moved / (peers->count - 1);
        (void)json_array_append_new(list, json_pack("{ss,so,so,so}", "target",
                                                    routing_name(analyzer, part_of(analyzer, peers, i)), "now_rate",
                                                    number(peer->rate), "predicted_rate", number(predicted),
                                                    "highest_seen_rate", number(peer->highest_rate)));
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

static const routing_language_ops *language_of(const analyzer_t *analyzer) {
    const char *name = analyzer->config.routing_language;
    const routing_language_ops *language = name == NULL ? NULL : routing_language(name);
    return language != NULL ? language : routing_languages[0];
}

/* The action as objects of the mesh, and in itself, so that it can be written in another language later. */
static void add_change(const analyzer_t *analyzer, const plan_t *plan, json_t *document) {
    change_t change;
    const routing_language_ops *language = language_of(analyzer);
    if (plan->kind == KIND_NONE) {
        json_t *nothing = json_pack("{ss,s[],ss,ss,s[],sn,sn,sn}", "mesh", language->name, "objects", "apply", "",
                                    "undo", "", "limits", "cannot", "beside", "action");
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
    json_t *target =
        json_pack("{so,so,so}", "service", text_or_null(analyzer, plan->service), "version",
                  text_or_null(analyzer, plan->version), "instance", text_or_null(analyzer, plan->instance));
    json_t *effect =
        json_pack("{so,so,so}", "error_ratio", acts ? forecast(&plan->effect.errors) : json_null(), "p99_s",
                  acts ? forecast(&plan->effect.p99_s) : json_null(), "load", load_of(analyzer, plan));
    json_t *whole = json_pack("{ss,ss,ss,ss,ss,ss,sI,sI,so,so,s{sb,ss},sf,ss,so}", "id", id, "incident", incident_id,
                              "state", "open", "kind", kinds[plan->kind].name, "title", plan->title, "sentence",
                              plan->sentence, "created_ms", (json_int_t)(now_ns / 1000000), "expires_ms",
                              (json_int_t)(expires_ns / 1000000), "target", target, "effect", effect, "capacity",
                              "fits", acts && plan->effect.fits ? 1 : 0, "sentence", plan->capacity, "confidence",
                              plan->confidence, "blast_radius", plan->blast_radius, "wrong_if", wrong_if(plan));
    (void)json_object_set_new(whole, "explanation", incident_explanation(analyzer, incident));
    if (whole != NULL) add_change(analyzer, plan, whole);
    char *text = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    return text;
}

/* Why routing cannot help, and what could. `near`: what came near, and why it is not worth it; NULL = nothing did. */
static void plan_none(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, peers_t *peers,
                      const char *near, plan_t *plan) {
    plan->kind = KIND_NONE;
    plan->service = blame->service;
    plan->instance = blame->instance;
    const char *service = routing_name(analyzer, blame->service);
    (void)snprintf(plan->title, sizeof plan->title, "No routing change would help %s", service);
    peers_collect(analyzer, blame->service, ENTITY_INSTANCE, peers);
    uint32_t instances = peers->count;
    contrast_t between = peers_contrast(peers);
    peers_collect(analyzer, blame->service, ENTITY_VERSION, peers);
    contrast_t versions = peers_contrast(peers);
    phrase_t more;
    routing_action_t checked = {.kind = ACTION_NONE};
    if (!action_set_service(&checked, service))
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "the service's name is not one that Kubernetes allows, so no object can be written for it");
    else if (versions.wanted > 0 && peers->count > 1)
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "its versions differ, but not clearly yet: about %s more requests to the worse one would decide",
                       phrase_count(&more, ceil(versions.wanted)));
    else if (between.clear && !between.by_errors)
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "one instance is slow, not failing, and the proxies eject only what fails; restarting that pod "
                       "could help");
    else if (peers->count <= 1 && instances <= 1)
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "one version and one instance serve it, so there is nowhere to send the traffic%s%s; %s",
                       near == NULL ? "" : ", and ", near == NULL ? "" : near,
                       blame->saturation > 0 ? "more processor or memory, or a second instance, could help"
                       : blame->network > 0  ? "its node and its network path are the first places to look"
                                             : "its last change and its logs are the first places to look");
    else
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "all its versions and instances behave alike, so moving traffic between them changes nothing"
                       "%s%s; %s",
                       near == NULL ? "" : ", and ", near == NULL ? "" : near,
                       blame->saturation > 0 ? "more instances could help" : "a shared cause is more likely");
    (void)snprintf(plan->capacity, sizeof plan->capacity, "nothing is moved");
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius, "none");
    plan->confidence = incident->established ? 0.5 : 0.2;
    plan->wrong_if[0] = incident->established ? NULL : "the culprit is another service: it is not established";
}

/* The first plan that would help; else the last one's word on why it would not is left in `plan`. */
static bool plan_change(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, peers_t *peers,
                        plan_t *plan) {
    if (plan_roll_back(analyzer, blame, peers, plan)) return true;
    *plan = (plan_t){0};
    if (plan_eject(analyzer, blame, peers, plan)) return true;
    *plan = (plan_t){0};
    if (plan_breaker(analyzer, incident, blame, plan)) return true;
    plan_t timeout = {0};
    bool found = plan_timeout(analyzer, incident, blame, &timeout);
    if (found || timeout.cannot != NULL) *plan = timeout;
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
    peers_t peers;
    plan_t plan = {0}, nothing = {0};
    bool acts = plan_change(analyzer, incident, blame, &peers, &plan);
    if (acts && speaks_grpc(analyzer, plan.service))
        (void)snprintf(plan.action.protocol, sizeof plan.action.protocol, "grpc");
    if (acts ? kinds[plan.kind].rank <= kinds[known].rank : kinds[known].rank > kinds[KIND_NONE].rank) return;
    if (!acts && known == KIND_NONE && !changed) return; /* said so already */
    if (!acts || known == KIND_NONE) {
        peers_t others;
        plan_none(analyzer, incident, blame, &others, plan.cannot, &nothing);
    }
    /* An abstention is updated in place; a change of mind towards acting is a suggestion of its own, and the abstention
     * is over. */
    if (acts && known == KIND_NONE) tell(analyzer, incident, &nothing, now_ns, now_ns);
    if (acts || known == KIND_NOTHING_YET) incident->suggestion = analyzer->next_suggestion++;
    incident->suggestion_kind = acts ? plan.kind : KIND_NONE;
    tell(analyzer, incident, acts ? &plan : &nothing, now_ns, now_ns + EXPIRY_NS);
}
