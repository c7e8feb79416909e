/* command: what `seismesh NAME …` runs. One file per command; commands.c has the list, main.c looks it up.
 * Exit codes of all of them: 0 fine; 1 it failed; 2 it cannot be done as asked (usage, configuration, a port or
 * directory that cannot be used), with one sentence on standard error that says what to do. `canary` gives its verdict
 * by them: 0 pass, 1 fail, 3 not enough data. */
#ifndef SEISMESH_CLI_COMMAND_H
#define SEISMESH_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef struct {
    const char *name;
    const char *summary; /* one line, for the list */
    const char *usage;   /* the arguments: all lines that `help NAME` prints below "usage: seismesh NAME" */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} command_t;

extern const command_t commands[];
extern const size_t command_count;

/* The command of this name, or NULL. */
const command_t *command_find(const char *name);

/* Prints "seismesh NAME: <sentence>" and where help is; returns EXIT_USAGE. */
int command_misused(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the option `name` ("--to") with its value out of argv ("--to URL" or "--to=URL"). *value stays as it was when
 * the option is absent. EXIT_USAGE, after complaining, when it has no value or is given twice; else EXIT_FINE. */
int command_option(const char *name, int *argc, char **argv, const char **value);

/* Takes the option `name` ("--once"), which has no value, out of argv; given twice is given. */
bool command_flag(const char *name, int *argc, char **argv);

/* Complains about the first argument that still starts with "-" (but "-" itself is a name); EXIT_FINE if there is none.
 */
int command_unknown_option(int argc, char **argv);

int command_serve(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_backtest(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_simulate(int argc, char **argv);
int command_detect(int argc, char **argv);
int command_suggestions(int argc, char **argv);
int command_why(int argc, char **argv);
int command_answer(int argc, char **argv);
int command_canary(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_check(int argc, char **argv);
int command_check_config(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);

#endif
