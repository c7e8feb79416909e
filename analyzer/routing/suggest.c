/* Decides what to suggest for an incident. In this order: a version that is worse than another one of the same service
 * in the same minute is rolled back; an instance that fails more than its siblings is ejected; otherwise nothing, and
 * the suggestion says why, and what could help. A suggestion is made once per kind and incident: an abstention may give
 * way to a change when the evidence has come. */
#include "analyzer/phrase.h"
#include "analyzer/routing/routing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int64_t EXPIRY_NS = INT64_C(30) * 60 * 1000000000;
enum { SENTENCE_BYTES = 1024 };

enum { KIND_NOTHING_YET, KIND_NONE, KIND_ROLL_BACK, KIND_EJECT };
static const char *const kind_names[] = {"", "none", "roll_back_version", "eject_instance"};

/* Everything that goes into the document. */
typedef struct {
    uint8_t kind;
    uint32_t service, version, instance;
    char title[SENTENCE_BYTES], sentence[SENTENCE_BYTES], capacity[SENTENCE_BYTES], blast_radius[SENTENCE_BYTES];
    change_t change;
    const peers_t *peers;
    effect_t effect;
    contrast_t contrast;
    double confidence;
    const char *wrong_if[4];
} plan_t;

static const char *name_of(const analyzer_t *analyzer, uint32_t id) {
    return names_cstr(&analyzer->shard->names, id);
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
        (void)json_array_append_new(list,
                                    json_pack("{ss,so,so,so}", "target", name_of(analyzer, part_of(analyzer, peers, i)),
                                              "now_rate", number(peer->rate), "predicted_rate", number(predicted),
                                              "highest_seen_rate", number(peer->highest_rate)));
    }
    return list;
}

static json_t *text_or_null(const analyzer_t *analyzer, uint32_t id) {
    return id == 0 ? json_null() : json_string(name_of(analyzer, id));
}

static json_t *wrong_if(const plan_t *plan) {
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof plan->wrong_if / sizeof plan->wrong_if[0] && plan->wrong_if[i] != NULL; i++)
        (void)json_array_append_new(list, json_string(plan->wrong_if[i]));
    return list;
}

static char *document(const analyzer_t *analyzer, const incident_t *incident, const plan_t *plan, int64_t now_ns) {
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
    json_t *whole = json_pack("{ss,ss,ss,ss,ss,ss,ss,sI,sI,so,sO,ss,ss,so,s{sb,ss},sf,ss,so}", "id", id, "incident",
                              incident_id, "state", "open", "kind", kind_names[plan->kind], "mesh", "istio", "title",
                              plan->title, "sentence", plan->sentence, "created_ms", (json_int_t)(now_ns / 1000000),
                              "expires_ms", (json_int_t)((now_ns + EXPIRY_NS) / 1000000), "target", target, "objects",
                              plan->change.objects, "apply", acts ? (const char *)plan->change.apply.data : "", "undo",
                              acts ? (const char *)plan->change.undo.data : "", "effect", effect, "capacity", "fits",
                              acts && plan->effect.fits ? 1 : 0, "sentence", plan->capacity, "confidence",
                              plan->confidence, "blast_radius", plan->blast_radius, "wrong_if", wrong_if(plan));
    char *text = whole == NULL ? NULL : json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    return text;
}

/* "v2 fails 12 % of 340 requests in the last minute, the others 0.3 % of 3,100" */
static void contrast_words(const analyzer_t *analyzer, const peers_t *peers, const contrast_t *contrast, char *out,
                           size_t size) {
    const peer_t *worst = &peers->items[contrast->worst];
    peer_t rest = {0};
    for (uint32_t i = 0; i < peers->count; i++) {
        if (i == contrast->worst) continue;
        rest.requests += peers->items[i].requests;
        rest.errors += peers->items[i].errors;
        histogram_add(&rest.latency, &peers->items[i].latency);
    }
    phrase_t a, b, c, d;
    const char *name = name_of(analyzer, part_of(analyzer, peers, contrast->worst));
    if (contrast->by_errors)
        (void)snprintf(out, size, "%s fails %s of %s requests in the last minute, the others %s of %s", name,
                       phrase_share(&a, worst->errors / worst->requests), phrase_count(&b, worst->requests),
                       phrase_share(&c, rest.errors / rest.requests), phrase_count(&d, rest.requests));
    else
        (void)snprintf(
            out, size, "%s needs %s at the 90th percentile of %s requests in the last minute, the others %s of %s",
            name, phrase_seconds(&a, histogram_quantile(&worst->latency, 0.9)), phrase_count(&b, worst->requests),
            phrase_seconds(&c, histogram_quantile(&rest.latency, 0.9)), phrase_count(&d, rest.requests));
}

static void capacity_words(const analyzer_t *analyzer, plan_t *plan) {
    phrase_t rate, highest;
    const char *name = name_of(analyzer, part_of(analyzer, plan->peers, plan->effect.receiver));
    (void)snprintf(plan->capacity, sizeof plan->capacity,
                   plan->effect.fits
                       ? "%s would get %s requests/s and has borne %s before"
                       : "%s would get %s requests/s, more than the %s that it was ever seen to bear: add "
                         "instances first",
                   name, phrase_count(&rate, plan->effect.rate), phrase_count(&highest, plan->effect.highest));
}

static void weigh(plan_t *plan) {
    plan->confidence = (1 - pow(10, -plan->contrast.evidence / 3)) * (plan->effect.fits ? 1 : 0.6);
}

static bool plan_roll_back(const analyzer_t *analyzer, const blame_t *blame, peers_t *peers, plan_t *plan) {
    peers_collect(analyzer, blame->service, ENTITY_VERSION, peers);
    plan->peers = peers;
    plan->contrast = peers_contrast(peers);
    kube_name_t service;
    if (!plan->contrast.clear || !kube_service(name_of(analyzer, blame->service), &service)) return false;
    plan->effect = effect_without(peers, plan->contrast.worst, false);
    const char *drop = name_of(analyzer, part_of(analyzer, peers, plan->contrast.worst));
    const char *keep = name_of(analyzer, part_of(analyzer, peers, plan->effect.receiver));
    if (!kube_label(keep) || !kube_label(drop)) return false;
    plan->kind = KIND_ROLL_BACK;
    plan->service = blame->service;
    plan->version = part_of(analyzer, peers, plan->contrast.worst);
    istio_roll_back(&service, keep, drop, &plan->change);
    (void)snprintf(plan->title, sizeof plan->title, "Send all traffic of %s to %s, none to %s", service.name, keep,
                   drop);
    contrast_words(analyzer, peers, &plan->contrast, plan->sentence, sizeof plan->sentence);
    capacity_words(analyzer, plan);
    phrase_t moved;
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; %s requests/s change their version", service.name,
                   phrase_count(&moved, peers->items[plan->contrast.worst].rate));
    plan->wrong_if[0] =
        "a VirtualService or DestinationRule for this host exists already: then change the weights in it";
    plan->wrong_if[1] = "the pods do not carry the label version with these values";
    plan->wrong_if[2] = "the two versions get different kinds of requests, so that the comparison is unfair";
    weigh(plan);
    return true;
}

static bool plan_eject(const analyzer_t *analyzer, const blame_t *blame, peers_t *peers, plan_t *plan) {
    peers_collect(analyzer, blame->service, ENTITY_INSTANCE, peers);
    plan->peers = peers;
    plan->contrast = peers_contrast(peers);
    kube_name_t service;
    /* Istio ejects what fails, not what is slow; and one of two cannot be told from the other's healthy self. */
    if (peers->count < 3 || !plan->contrast.clear || !plan->contrast.by_errors) return false;
    if (!kube_service(name_of(analyzer, blame->service), &service)) return false;
    plan->effect = effect_without(peers, plan->contrast.worst, true);
    plan->kind = KIND_EJECT;
    plan->service = blame->service;
    plan->instance = part_of(analyzer, peers, plan->contrast.worst);
    plan->version = analyzer->subjects[peers->items[plan->contrast.worst].subject].key.version;
    istio_eject(&service, (100 + peers->count - 1) / peers->count, &plan->change);
    (void)snprintf(plan->title, sizeof plan->title, "Let the proxies eject %s of %s", name_of(analyzer, plan->instance),
                   service.name);
    contrast_words(analyzer, peers, &plan->contrast, plan->sentence, sizeof plan->sentence);
    capacity_words(analyzer, plan);
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius,
                   "every caller of %s inside the mesh; at most one of %u instances is taken out at a time",
                   service.name, (unsigned)peers->count);
    plan->wrong_if[0] = "a DestinationRule for this host exists already: then add outlierDetection to it";
    plan->wrong_if[1] = "the failures are not HTTP 5xx or connection failures: the proxies do not count others";
    plan->wrong_if[2] = "this instance alone gets a kind of request that fails everywhere";
    weigh(plan);
    return true;
}

/* Why routing cannot help, and what could. */
static void plan_none(const analyzer_t *analyzer, const incident_t *incident, const blame_t *blame, peers_t *peers,
                      plan_t *plan) {
    plan->kind = KIND_NONE;
    plan->service = blame->service;
    plan->instance = blame->instance;
    plan->change.objects = json_array();
    const char *service = name_of(analyzer, blame->service);
    (void)snprintf(plan->title, sizeof plan->title, "No routing change would help %s", service);
    peers_collect(analyzer, blame->service, ENTITY_INSTANCE, peers);
    uint32_t instances = peers->count;
    contrast_t between = peers_contrast(peers);
    peers_collect(analyzer, blame->service, ENTITY_VERSION, peers);
    contrast_t versions = peers_contrast(peers);
    phrase_t more;
    kube_name_t checked;
    if (!kube_service(service, &checked))
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
                       "one version and one instance serve it, so there is nowhere to send the traffic; %s",
                       blame->saturation > 0 ? "more processor or memory, or a second instance, could help"
                       : blame->network > 0  ? "its node and its network path are the first places to look"
                                             : "its last change and its logs are the first places to look");
    else
        (void)snprintf(plan->sentence, sizeof plan->sentence,
                       "all its versions and instances behave alike, so moving traffic between them changes nothing; "
                       "%s",
                       blame->saturation > 0 ? "more instances could help" : "a shared cause is more likely");
    (void)snprintf(plan->capacity, sizeof plan->capacity, "nothing is moved");
    (void)snprintf(plan->blast_radius, sizeof plan->blast_radius, "none");
    plan->confidence = incident->established ? 0.5 : 0.2;
    plan->wrong_if[0] = incident->established ? NULL : "the culprit is another service: it is not established";
}

void suggest(analyzer_t *analyzer, incident_t *incident, int64_t now_ns, bool changed) {
    if (analyzer->sink.suggestion == NULL || incident->suspect_count == 0) return;
    if (incident->suggestion_kind > KIND_NONE) return;
    const blame_t *blame = &incident->suspects[0];
    peers_t peers;
    plan_t plan = {0};
    if (!plan_roll_back(analyzer, blame, &peers, &plan) && !plan_eject(analyzer, blame, &peers, &plan)) {
        if (incident->suggestion_kind == KIND_NONE && !changed) return; /* said so already */
        plan = (plan_t){0};
        plan_none(analyzer, incident, blame, &peers, &plan);
    }
    /* An abstention is updated in place; a change of mind towards acting is a suggestion of its own. */
    if (plan.kind != incident->suggestion_kind) incident->suggestion = analyzer->next_suggestion++;
    incident->suggestion_kind = plan.kind;
    char *text = document(analyzer, incident, &plan, now_ns);
    if (text != NULL)
        analyzer->sink.suggestion(analyzer->sink.context, incident->suggestion, incident->id, now_ns,
                                  now_ns + EXPIRY_NS, text);
    free(text);
    change_fini(&plan.change);
}
