#include "base/config.h"
#include "cli/command.h"
#include "cli/pipeline.h"
#include "collector/scrape/scrape_config.h"

#include <stdio.h>

/* Everything that a start would build from the file is built, and thrown away. */
static int check(const char *path, char *why, size_t why_size) {
    config_t config;
    counters_t counters = {0};
    pipeline_t pipeline;
    if (config_check_file(&config, path, why, why_size) != ERR_OK) return EXIT_USAGE;
    char sentence[500];
    err_t err =
        pipeline_init(&pipeline, &config, &counters, (analyzer_sink_t){0}, (fold_sink_t){0}, sentence, sizeof sentence);
    if (err == ERR_OK) pipeline_fini(&pipeline);
    if (err == ERR_OK && config.scrape_yaml != NULL) {
        scrape_config_t *scrape = NULL;
        err = scrape_config_parse(config.scrape_yaml, config.scrape_line, &scrape, sentence, sizeof sentence);
        scrape_config_free(scrape);
    }
    if (err != ERR_OK) (void)snprintf(why, why_size, "%s, %s", path, sentence);
    config_free(&config);
    return err == ERR_OK ? EXIT_FINE : EXIT_USAGE;
}

int command_check_config(int argc, char **argv) {
    char why[700] = "";
    int misused = command_unknown_option(argc, argv);
    if (misused != EXIT_FINE) return misused;
    if (argc != 2) return command_misused("check-config", "give one file");
    if (check(argv[1], why, sizeof why) == EXIT_FINE) {
        (void)printf("%s: fine\n", argv[1]);
        return EXIT_FINE;
    }
    (void)fprintf(stderr, "seismesh check-config: %s\n", why);
    return EXIT_USAGE;
}
