#include "base/log.h"
#include "base/memory.h"
#include "collector/journal/kafka_producer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, char *why, size_t why_size) {
    char reason[256];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) == RD_KAFKA_CONF_OK) return true;
    (void)snprintf(why, why_size, "Kafka: %s=%s: %s; see the keys that begin with kafka. in the configuration", name,
                   value, reason);
    return false;
}

static bool set_all(rd_kafka_conf_t *conf, const kafka_property_t *list, char *why, size_t why_size) {
    for (; list->name != NULL; list++)
        if (!set(conf, list->name, list->value, why, why_size)) return false;
    return true;
}

/* "security.protocol=ssl; ssl.ca.location=/etc/ca.pem": librdkafka's own names (its CONFIGURATION.md). */
static bool set_properties(rd_kafka_conf_t *conf, const char *text, char *why, size_t why_size) {
    char *copy = memory_text(text), *rest = copy;
    bool fine = true;
    for (char *one; fine && (one = strsep(&rest, ";")) != NULL;) {
        one += strspn(one, " \t\n");
        if (*one == '\0') continue;
        char *value = strchr(one, '=');
        if (value == NULL) {
            (void)snprintf(why, why_size, "kafka.properties: '%s' is not NAME=VALUE", one);
            fine = false;
            break;
        }
        *value++ = '\0';
        for (char *end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\n');) *--end = '\0';
        fine = set(conf, one, value, why, why_size);
    }
    free(copy);
    return fine;
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client;
    /* CONFWARN: the one list of properties is for the producer and the consumer */
    if (level <= 4 && strcmp(facility, "CONFWARN") != 0)
        log_warn("kafka: %s: %s", facility, text);
    else
        log_debug("kafka: %s: %s", facility, text);
}

rd_kafka_conf_t *kafka_conf(const journal_kafka_config_t *config, const kafka_property_t *usual,
                            const kafka_property_t *always, char *why, size_t why_size) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    const kafka_property_t given[] = {{"bootstrap.servers", config->brokers}, {"client.id", "seismesh"}, {NULL, NULL}};
    if (set_all(conf, usual, why, why_size) && set_all(conf, given, why, why_size) &&
        set_properties(conf, config->properties, why, why_size) && set_all(conf, always, why, why_size))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}
