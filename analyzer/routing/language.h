/* language: a mesh's own way of saying a routing action. One file per language with a const table of functions, one
 * list (languages.c). A language's table has a row per kind of action: who writes it, or why it cannot be said and what
 * is nearest, and the limits that the reader must know.
 *
 * A writer gives each object in two parts: `base`, all that a new object needs to be complete, and `change`, what the
 * action sets. A new object is the change merged into the base; where the live object is known, the change is merged
 * into that one, and whatever else it says stays as it is. */
#ifndef SEISMESH_ANALYZER_ROUTING_LANGUAGE_H
#define SEISMESH_ANALYZER_ROUTING_LANGUAGE_H

#include "analyzer/routing/action.h"
#include "analyzer/routing/merge.h"
#include "base/buffer.h"

enum { OBJECT_NAME_BYTES = 160, LIMITS_MAX = 6, OBJECTS_MAX = 4, COMMAND_NAME_BYTES = 64 };

/* An object on its way into a change. */
typedef struct {
    const struct routing_form *form;
    char kind[COMMAND_NAME_BYTES], name[OBJECT_NAME_BYTES];
    json_t *before; /* the live object; NULL: not known, or there is none */
    json_t *after;
} placed_t;

/* How objects are written, applied and taken back; consecutive objects of one form go into one command. */
typedef struct routing_form {
    const char *extension;
    void (*write)(const json_t *tree, buffer_t *out);
    void (*apply)(const placed_t *placed, size_t count, buffer_t *out);
    void (*undo)(const placed_t *placed, size_t count, buffer_t *out);
    /* The commands, one a line, that print the live objects and change nothing; `also`: kinds that are to be known, too
     * (the language's also_read). NULL: no command can, the objects must be handed in. */
    void (*read)(const placed_t *placed, size_t count, const char *also, buffer_t *out);
} routing_form_t;

extern const routing_form_t form_kubectl;  /* whole objects */
extern const routing_form_t form_annotate; /* annotations on a Service that is there */

typedef struct {
    const struct routing_language_ops *language;
    const routing_action_t *action;
    const json_t *live; /* array of the objects that were handed in; NULL: none */
    placed_t placed[OBJECTS_MAX];
    size_t count;
    json_t *limits;
    char refused[320]; /* why nothing can be written after all; "" = fine */
} render_t;

typedef struct {
    void (*write)(render_t *render);
    const char *cannot; /* without a writer: why */
    uint8_t nearest;    /* and the kind that is written instead; ACTION_NONE: none */
    const char *limits[LIMITS_MAX];
} routing_row_t;

/* Where the objects of a kind say which service they are about: "spec.hosts"; "=": by the new object's own name. Ended
 * by a NULL kind. */
typedef struct {
    const char *kind, *about;
} about_rule_t;

typedef struct routing_language_ops {
    const char *name;   /* "istio": in the configuration, the API and the command line */
    const char *title;  /* "Istio" */
    const char *mesh;   /* in which this is what suggestions are written in, one of mesh_names; NULL: in none */
    const char *status; /* what must be known of it, such as the end of its life; NULL: nothing */
    const char *beside; /* a language to offer beside it; NULL: none */
    routing_row_t rows[ACTION_KINDS];
    const char *also_read; /* kinds of live objects besides those written that decide what is written; NULL: none */
    const merge_rule_t *lists;
    const about_rule_t *about;
    const json_t *(*unwrap)(const json_t *object); /* the object inside what a tool prints; NULL: as it is */
} routing_language_ops;

extern const routing_language_ops *const routing_languages[];   /* ended by NULL */
const routing_language_ops *routing_language(const char *name); /* NULL: no such language */

/* All their names, as the lists of choices spell them (a test compares it with the list). */
#define ROUTING_LANGUAGES                                                                                              \
    "istio|gateway-api|linkerd|consul|consul-k8s|kuma|kuma-universal|app-mesh|google|google-routing|traefik|"          \
    "traefik-file|smi|traefik-mesh|osm|nsm"

/* ---- for writers ---- */

/* Takes `base` and `change`. `kind` as live objects name it, `name` of a new object. */
void render_object(render_t *render, const routing_form_t *form, const char *kind, const char *name, json_t *base,
                   json_t *change);
void render_limit(render_t *render, const char *format, ...) __attribute__((format(printf, 2, 3)));
void render_refuse(render_t *render, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "cart-seismesh": the name of our own objects, so that taking them back deletes nobody else's. */
void render_own_name(const render_t *render, char *out, size_t size);

/* {"apiVersion","kind","metadata":{name, namespace, managed-by}}. */
json_t *render_kubernetes(render_t *render, const char *api_version, const char *kind, const char *name);

/* {"spec": body} into an object; takes `body`. Returns the object. */
json_t *render_spec(json_t *object, json_t *body);

/* True when a live object of this kind has something at the path ("spec.trafficPolicy.outlierDetection"). */
bool render_live_has(const render_t *render, const char *kind, const char *path);

/* The Service that holds a version, for languages that split between Services: as a live object names it, else
 * "cart-v2". */
void render_backend(render_t *render, const char *version, char *out, size_t size);

/* The service's port: the action's, else a live object's, else 80, which is said. */
uint32_t render_port(render_t *render);

/* Weights as whole percents that add up to 100 (largest remainder), in the order of the targets. */
void render_percents(const routing_action_t *action, uint32_t percents[ACTION_TARGETS_MAX]);

/* "2s", "1.5s" as "1500ms": Go's and protobuf's spellings of a duration that all readers share. */
typedef struct {
    char text[32];
} duration_text_t;
const char *render_duration(duration_text_t *duration, double seconds);

/* ---- the result ---- */

/* Objects in the shape of the API, commands and what must be known. */
typedef struct {
    const routing_language_ops *language;
    json_t *objects, *limits;
    buffer_t apply, undo, read; /* NUL-terminated */
    char cannot[512];           /* the action cannot be said, and what stands there instead; "" = it can */
} change_t;

/* Writes an action; `live` is what text_read gave, or NULL. An action that is not valid gives no object. False when
 * there is no object: `cannot` says why. */
bool routing_render(const routing_language_ops *language, const routing_action_t *action, const json_t *live,
                    change_t *change);

/* Puts a change into a suggestion's document: mesh, objects, apply, undo, read, limits, cannot, beside. */
void change_into(const change_t *change, const routing_action_t *action, json_t *document);
void change_fini(change_t *change);

#endif
