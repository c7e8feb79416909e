/* backup: a copy of the store, while the server goes on. */
#include "collector/store/backup.h"

#include "base/config.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static void show(void *context, uint64_t done, uint64_t total) {
    progress_show(context, done, total);
}

static int take(const char *directory, const char *destination) {
    backup_t backup;
    progress_t progress;
    char why[700] = "";
    progress_start(&progress, "backup");
    err_t err = backup_take(directory, destination, show, &progress, &backup, why, sizeof why);
    progress_end(&progress);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "seismesh backup: %s\n", why);
        return err == ERR_IO || err == ERR_FULL || err == ERR_MALFORMED ? EXIT_FAILED : EXIT_USAGE;
    }
    (void)printf("%s/seismesh.sqlite: %.1f MiB, %" PRId64 " spans, %" PRId64
                 " traces, all that was acknowledged before journal position %" PRIu64 "\n"
                 "restore it by 'seismesh serve --data %s', or copy it to where that is to run\n",
                 destination, (double)backup.bytes / (1 << 20), backup.meta.spans, backup.meta.traces,
                 (uint64_t)backup.meta.position, destination);
    return EXIT_FINE;
}

/* The data directory of a server that runs on this machine. */
static int ask_directory(const char *server, char directory[PATH_MAX]) {
    api_client_t client = {.command = "backup", .server = server};
    int status = EXIT_FAILED;
    json_t *answer = ask_fine(&client, "/status", NULL, &status);
    const char *found = text_of(json_object_get(answer, "store"), "directory");
    bool fine = found[0] == '/' && strlen(found) < PATH_MAX;
    if (fine) (void)strcpy(directory, found);
    if (answer != NULL && !fine)
        (void)fprintf(stderr, "seismesh backup: %s does not say where its data is; give --data DIR\n", server);
    json_decref(answer);
    buffer_fini(&client.answer);
    return fine ? EXIT_FINE : status;
}

int command_backup(int argc, char **argv) {
    const char *server = NULL;
    char why[512], directory[PATH_MAX];
    config_t config;
    int status = command_option("--server", &argc, argv, &server);
    if (status != EXIT_FINE) return status;
    if (config_load(&config, &argc, argv, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh backup: %s\n", why);
        return EXIT_USAGE;
    }
    (void)snprintf(directory, sizeof directory, "%s", config.data);
    config_free(&config);
    if (argc != 2) return command_misused("backup", "give one directory to copy to");
    if (server != NULL) status = ask_directory(server, directory);
    return status == EXIT_FINE ? take(directory, argv[1]) : status;
}
