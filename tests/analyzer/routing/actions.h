/* actions: one action of each kind, with ordinary names, and all text fields of an action by index. */
#ifndef SEISMESH_TESTS_ANALYZER_ROUTING_ACTIONS_H
#define SEISMESH_TESTS_ANALYZER_ROUTING_ACTIONS_H

#include "analyzer/routing/language.h"

#include <stdio.h>
#include <string.h>

static inline routing_action_t sample_action(uint8_t kind) {
    routing_action_t action = {.kind = kind,
                               .service = "reviews",
                               .namespace_name = "shop",
                               .caller = "productpage",
                               .consecutive_errors = 3,
                               .max_ejection_percent = 25,
                               .interval_s = 10,
                               .ejection_s = 60,
                               .in_flight = 40,
                               .pending = 20,
                               .requests_per_s = 150,
                               .attempts = 1,
                               .timeout_s = 1.5,
                               .from_zone = "eu-west-1a",
                               .to_zone = "eu-central-1b",
                               .instance = "reviews-v2-7d9c-x2"};
    bool zones = kind == ACTION_SHIFT_ZONES;
    (void)action_add_target(&action, zones ? "eu-west-1a" : "v1", 9500);
    (void)action_add_target(&action, zones ? "eu-west-1b" : "v2", 500);
    return action;
}

enum { ACTION_TEXTS = 8 };

/* The text fields of an action; their sizes in `size`. */
static inline char *action_text(routing_action_t *action, unsigned index, size_t *size) {
    char *texts[ACTION_TEXTS] = {action->service,         action->namespace_name,  action->caller,
                                 action->targets[0].name, action->targets[1].name, action->instance,
                                 action->from_zone,       action->to_zone};
    *size = texts[index] == action->instance ? sizeof action->instance : ACTION_NAME_BYTES;
    return texts[index];
}

#endif
