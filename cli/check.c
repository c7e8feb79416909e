/* check: is the store whole? */
#include "collector/store/check.h"

#include "base/config.h"
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>

static void say(void *context, check_kind_t kind, const char *text) {
    (void)context;
    (void)printf("%s: %s\n", kind == CHECK_DAMAGE ? "damaged" : "note", text);
}

static int check(const char *directory) {
    check_t found;
    char why[700] = "";
    err_t err = check_store(directory, say, NULL, &found, why, sizeof why);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "seismesh check: %s\n", why);
        return EXIT_USAGE;
    }
    (void)printf("%s: %" PRIu64 " frames, %" PRIu64 " chunks, %" PRIu64 " cells, %" PRIu64 " span blocks, %" PRIu64
                 " spans, %" PRIu64 " traces, %" PRIu64 " journal records in %" PRIu64 " segments; ",
                 directory, found.frames, found.chunks, found.cells, found.blocks, found.spans, found.traces,
                 found.records, found.segments);
    if (found.damages == 0)
        (void)printf("all read back as they were written\n");
    else
        (void)printf("%" PRIu64 " damaged\n", found.damages);
    return found.damages == 0 ? EXIT_FINE : EXIT_FAILED;
}

int command_check(int argc, char **argv) {
    char why[512];
    config_t config;
    if (config_load(&config, &argc, argv, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh check: %s\n", why);
        return EXIT_USAGE;
    }
    int status = argc > 1 ? command_misused("check", "there is no argument '%s'", argv[1]) : check(config.data);
    config_free(&config);
    return status;
}
