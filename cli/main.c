#include "cli/command.h"

#include <stdio.h>
#include <string.h>

/* "--help" and "-h" behind any command, and in its place, are what fingers type. */
static const char *help_wanted(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return argv[1];
    return NULL;
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        char *help[] = {(char[]){"help"}, NULL};
        (void)command_help(1, help);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) return command_version(1, argv + 1);
    const char *wanted = help_wanted(argc, argv);
    if (wanted != NULL) {
        char *help[] = {(char[]){"help"}, argv[1], NULL};
        return command_help(wanted[0] == '-' ? 1 : 2, help);
    }
    const command_t *command = command_find(argv[1]);
    if (command != NULL) return command->run(argc - 1, argv + 1);
    (void)fprintf(stderr, "seismesh: there is no command '%s'; 'seismesh help' lists what there is\n", argv[1]);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    int status = run(argc, argv);
    /* Output that did not arrive (a full disk, a closed pipe) is a failure like any other. */
    if (fflush(stdout) != 0 && status == EXIT_FINE) {
        perror("seismesh: standard output");
        return EXIT_FAILED;
    }
    return status;
}
