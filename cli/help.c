#include "base/config.h"
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

static void print_all(void) {
    (void)printf("seismesh feels tremors in a service mesh before people do.\n\nusage: seismesh COMMAND ...\n\n");
    for (size_t i = 0; i < command_count; i++) (void)printf("  %-14s %s\n", commands[i].name, commands[i].summary);
    (void)printf("\n'seismesh help COMMAND' says more about one, 'seismesh help config' lists every setting.\n"
                 "Exit codes: 0 fine, 1 it failed, 2 it cannot be done as asked.\n");
}

int command_help(int argc, char **argv) {
    if (argc > 2) return command_misused("help", "one command at a time");
    if (argc < 2) {
        print_all();
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "config") == 0) {
        config_describe(stdout);
        return EXIT_FINE;
    }
    const command_t *command = command_find(argv[1]);
    if (command == NULL) return command_misused("help", "there is no command '%s'", argv[1]);
    (void)printf("usage: seismesh %s %s", command->name, command->usage);
    return EXIT_FINE;
}

int command_version(int argc, char **argv) {
    if (argc > 1) return command_misused(argv[0], "takes no argument, not '%s'", argv[1]);
    (void)printf("seismesh %s\n", SEISMESH_VERSION);
    return EXIT_FINE;
}
