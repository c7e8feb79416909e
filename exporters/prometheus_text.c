/* The format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text). A family's lines must stand
 * together, so each metric is gathered in a buffer of its own and all are joined at the end. */
#include "exporters/prometheus_text.h"

#include "base/clock.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- lines --- */

void prometheus_family(buffer_t *out, const char *name, const char *type, const char *help) {
    buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void prometheus_label(buffer_t *out, const char *key, const char *value) {
    buffer_format(out, "%s%s=\"", out->len > 0 ? "," : "", key);
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            buffer_text(out, "\\n");
        else {
            if (*value == '"' || *value == '\\') buffer_byte(out, '\\');
            buffer_byte(out, (uint8_t)*value);
        }
    }
    buffer_byte(out, '"');
}

static void number(buffer_t *out, double value) {
    if (isnan(value))
        buffer_text(out, "NaN");
    else if (isinf(value))
        buffer_text(out, value > 0 ? "+Inf" : "-Inf");
    else if (value == floor(value) && fabs(value) < 1e15)
        buffer_format(out, "%.0f", value);
    else
        buffer_format(out, "%.10g", value);
}

void prometheus_sample(buffer_t *out, const char *name, const char *labels, double value) {
    buffer_text(out, name);
    if (labels[0] != '\0') buffer_format(out, "{%s}", labels);
    buffer_byte(out, ' ');
    number(out, value);
    buffer_byte(out, '\n');
}

/* --- ourselves --- */

void prometheus_counters(const counters_t *counters, buffer_t *out) {
    for (int i = 0; i < COUNTER_COUNT; i++) {
        const counter_info_t *info = &counter_info[i];
        char name[128];
        (void)snprintf(name, sizeof name, "seismesh_%s_total", info->name);
        bool first = true;
        for (int before = 0; before < i && first; before++) first = strcmp(counter_info[before].name, info->name) != 0;
        if (!first) continue; /* written with the family's first row */
        prometheus_family(out, name, "counter", info->help);
        for (int row = i; row < COUNTER_COUNT; row++)
            if (strcmp(counter_info[row].name, info->name) == 0)
                prometheus_sample(out, name, counter_info[row].labels, (double)counters_get(counters, (counter_t)row));
    }
}

static void gauge(buffer_t *out, const char *name, const char *help, double value) {
    prometheus_family(out, name, "gauge", help);
    prometheus_sample(out, name, "", value);
}

/* The fields of /proc/self/stat behind the command's name, which may hold anything. NaN when it cannot be read. */
static double stat_field(int wanted) {
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "r");
    if (file == NULL) return NAN;
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[len] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < wanted; field++) at = strchr(at + 1, ' ');
    return at == NULL ? NAN : strtod(at, NULL);
}

static double boot_time_s(void) {
    char line[256];
    double boot = NAN;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL) return NAN;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "btime ", 6) == 0) boot = strtod(line + 6, NULL);
    (void)fclose(file);
    return boot;
}

static double open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return NAN;
    double count = -1; /* the one that reads the directory */
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.') count++;
    (void)closedir(directory);
    return count;
}

void prometheus_process(buffer_t *out) {
    double ticks = (double)sysconf(_SC_CLK_TCK), page = (double)sysconf(_SC_PAGESIZE);
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    prometheus_family(out, "process_cpu_seconds_total", "counter", "User and system CPU time.");
    prometheus_sample(out, "process_cpu_seconds_total", "", (stat_field(14) + stat_field(15)) / ticks);
    gauge(out, "process_resident_memory_bytes", "Resident memory.", stat_field(24) * page);
    gauge(out, "process_virtual_memory_bytes", "Virtual memory.", stat_field(23));
    gauge(out, "process_threads", "Threads.", stat_field(20));
    gauge(out, "process_start_time_seconds", "Start, since 1970.", boot_time_s() + stat_field(22) / ticks);
    gauge(out, "process_open_fds", "Open file descriptors.", open_descriptors());
    gauge(out, "process_max_fds", "Most file descriptors that may be open.", (double)limit.rlim_cur);
}
