/* merge: puts a change into an object and leaves the rest alone. Maps merge member by member; lists are replaced unless
 * a rule says how their elements correspond. Paths are members joined by '.', and look into every element of a list; a
 * member whose name has dots stands in brackets, and '*' is any member, and '|' parts alternatives:
 * "name|labels.[kuma.io/display-name]". */
#ifndef SEISMESH_ANALYZER_ROUTING_MERGE_H
#define SEISMESH_ANALYZER_ROUTING_MERGE_H

#include "analyzer/routing/action.h"

typedef enum {
    LIST_EACH, /* the change's one element goes into each element that is about the service */
    LIST_BY,   /* elements correspond by the value at `path` */
} list_how_t;

/* LIST_EACH: `path` says where an element names what it is about; one without it is meant too if `absent_too`.
 * LIST_BY with `weighted`: a live element that the change does not know and that gets traffic is refused, unless it
 * stands for the whole service. */
typedef struct {
    const char *list; /* the member's name; NULL ends the rules */
    list_how_t how;
    const char *path;
    bool absent_too, weighted;
    const char *whole; /* weighted: where an element without a value at `path` says whose whole traffic it is */
} merge_rule_t;

/* Names that mean the service: itself, and the Services of its versions. */
enum { MERGE_NAMES_MAX = ACTION_TARGETS_MAX + 1, MERGE_NAME_BYTES = 160 };
typedef struct {
    const char *service, *namespace_name;
    char backends[MERGE_NAMES_MAX][MERGE_NAME_BYTES];
    uint32_t backend_count;
} merge_names_t;

/* "cart", "cart.shop", "cart.shop.svc.cluster.local", "shop/cart", or a path that ends so: the service. */
bool merge_is_service(const merge_names_t *names, const char *text);

/* True when any text at the path names the service (or, with `backends`, one of its versions' Services). */
bool merge_mentions(const merge_names_t *names, const json_t *object, const char *path, bool backends);

/* The value at a path that meets no list; NULL when there is none. */
const json_t *merge_at(const json_t *value, const char *path);

/* Changes `into`. A port that is there stays: actions do not move services to other ports. `names` NULL: `into` is new,
 * and every element is meant. False: `why` says what stands against it. */
bool merge_change(json_t *into, const json_t *change, const merge_rule_t *rules, const merge_names_t *names, char *why,
                  size_t why_size);

#endif
