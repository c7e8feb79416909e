#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_USAGE                                                                                                   \
    "  --config FILE   settings (YAML); 'seismesh help config' lists them all\n"                                       \
    "  --KEY VALUE     any one setting, such as --limits.names 5000\n"

const command_t commands[] = {
    {"serve", "the daemon: receivers, analyzer, page and API",
     "[--config FILE] [--data DIR] [--KEY VALUE ...]\n\n"
     "Receives OpenTelemetry over gRPC and HTTP, keeps golden signals of the mesh, finds what broke and who broke\n"
     "it, and shows it. Stops cleanly on Ctrl-C or SIGTERM.\n\n"
     "  --data DIR      where everything is kept (default ./seismesh-data)\n" CONFIG_USAGE,
     command_serve},
    {"replay", "send recorded telemetry to a server",
     "FILE... --to URL [--speed N|max] [--ago TIME]\n\n"
     "Sends recorded OTLP to a server over OTLP/HTTP, several files merged by event time. A file holds OTLP/JSON\n"
     "lines or length-delimited protobuf (then named after traces, metrics or logs), plain, gzip or zstd; - is\n"
     "standard input.\n\n"
     "  --to URL        the server, such as http://127.0.0.1:4318\n"
     "  --speed N       N times as fast as it happened (default 1), or max: as fast as the server takes it\n"
     "  --ago TIME      moves the recorded times, in whole minutes, so that the recording begins TIME before now "
     "(15m)\n",
     command_replay},
    {"backtest", "run recorded telemetry through the analyzer, offline",
     "FILE... [--config FILE] --out DETECTIONS.json [--summary FILE] [--suggestions FILE]\n"
     "                         [--incidents FILE]\n\n"
     "The same pipeline as the daemon's, in event time, as fast as it goes; several files are merged by event time.\n\n"
     "  --out FILE      a JSON list of {time, service, instance, signal, score, rank, incident}\n"
     "  --summary FILE  a JSON object of what was seen: spans, points, services, edges\n"
     "  --suggestions FILE  a JSON list of what was suggested, and when (docs/api.md, Suggestion)\n"
     "  --incidents FILE    a JSON list of the incidents as they were last told, explained (docs/api.md, "
     "Incident)\n" CONFIG_USAGE,
     command_backtest},
    {"detect", "anomaly scores for one series",
     "[--period SECONDS] < IN.csv > OUT.csv\n\n"
     "Reads timestamp,value lines and writes timestamp,value,anomaly_score (0..1), line by line: a score uses no\n"
     "later point; from 0.5 on it is worth a look. Timestamps are '2006-01-02 15:04:05', RFC 3339, or seconds,\n"
     "milliseconds or nanoseconds since 1970; a header line is kept.\n\n"
     "  --period S      spacing of the points (default: learned from them)\n",
     command_detect},
    {"simulate", "a mesh with faults, as telemetry",
     "SCENARIO.yaml (--to URL | --out FILE | --summary FILE) [--speed N|max] [--seed N] [--duration TIME]\n"
     "                         [--actions FILE] [--cure TIME]\n\n"
     "Simulates the services of a scenario (docs/simulate.md), and says what its proxies and applications would "
     "say.\n\n"
     "  --to URL        send it to a server, such as http://127.0.0.1:4318, in step with the clock\n"
     "  --out FILE      write it to a file for replay and backtest, as fast as it goes: OTLP/JSON lines (.jsonl) or\n"
     "                  length-delimited protobuf (any other name), packed by .gz or .zst behind that\n"
     "  --summary FILE  a JSON object: the scenario's truth, totals, and what users saw, window by window\n"
     "  --speed N       with --to: N times as fast as the clock (default 1), or max\n"
     "  --seed N        other chances than the scenario's own\n"
     "  --duration T    end after so long: 90s, 20m, 7d\n"
     "  --actions FILE  with --to: routing changes to obey, a JSON object a line; - is standard input, or a named "
     "pipe:\n"
     "                  {\"kind\": \"shift_versions\", \"service\": \"payments\", \"weights\": {\"v1\": 100, \"v2\": "
     "0}}\n"
     "  --cure TIME     do then what the scenario's truth names as the cure\n",
     command_simulate},
    {"demo", "see it at work: a simulated shop whose canary goes bad",
     "[--once] [--speed N] [--seed N] [--for TIME] [--to URL --server URL] [--KEY VALUE ...]\n\n"
     "The real daemon, fed over its own OTLP port by a simulated shop of twelve services in two meshes. Half a minute\n"
     "after its history a canary goes bad. Accept what seismesh suggests (on the page, with 'seismesh suggestions\n"
     "accept ID', or by saying 'apply' here), and it is done to the simulated mesh; take it back ('undo'), and it is\n"
     "undone. 'quit' or Ctrl-C ends it. Data goes to a temporary folder, unless --data names one.\n\n"
     "  --to URL        with --server: no daemon of its own; telemetry goes to this OTLP/HTTP address …\n"
     "  --server URL    … of a server that runs already, and this is its page\n"
     "  --once          accept the suggestion by itself; exit with 0 when the incident is over, with 1 if it never is\n"
     "  --speed N       N times as fast as the clock (default 1)\n"
     "  --seed N        other chances\n"
     "  --for TIME      end after so long (default 1h; 10m with --once)\n" CONFIG_USAGE,
     command_demo},
    {"suggestions", "see and decide what a server suggests",
     "[list | show ID | dry-run ID | accept ID | dismiss ID | reopen ID | record] [--server URL] [--as LANGUAGE] "
     "[--live | --against FILE]\n"
     "         [--minutes N] [--reason TEXT]\n\n"
     "Lists the open suggestions, shows one with its change and with what came of it, replays the last minutes under\n"
     "its routing, notes a person's decision, or shows the record of all suggestions: how many were seen to be made,\n"
     "helped, and came out as predicted. seismesh never changes a mesh by itself: 'show' prints the command that "
     "does.\n\n"
     "  --server URL    page and API of the server (default http://127.0.0.1:7117)\n"
     "  --as LANGUAGE   show it as another mesh's objects: istio, gateway-api, linkerd, consul, consul-k8s, kuma,\n"
     "                  kuma-universal, app-mesh, google, google-routing, traefik, traefik-file, smi, traefik-mesh,\n"
     "                  osm, nsm\n"
     "  --live          show it as a change of what the mesh holds now, asked of its own command line tool (kubectl "
     "get,\n"
     "                  consul config read, aws appmesh describe-…) with your rights: it reads, and changes nothing\n"
     "  --against FILE  show it as a change of the live objects in FILE (YAML or JSON, as kubectl get -o yaml prints\n"
     "                  them; - is standard input); everything else in them stays\n"
     "  --minutes N     how many minutes dry-run replays (1 to 1440, default 15)\n"
     "  --reason TEXT   why, kept with the decision\n",
     command_suggestions},
    {"why", "why an incident or anomaly is one, in a sentence with numbers",
     "ID [-o text | -o json] [--server URL]\n\n"
     "Prints the explanation of an incident (ID 12) or anomaly (ID a345): what is seen and what was expected, since "
     "when,\n"
     "what changed before it if that is known, who is suspected, and the evidence against each.\n\n"
     "  -o json         the object of /api/v1/why/ID (docs/api.md, Why)\n"
     "  --server URL    page and API of the server (default http://127.0.0.1:7117)\n",
     command_why},
    {"answer", "tell a server that an incident is expected, a false alarm, or to be muted",
     "ID expected|wrong|mute [--for TIME] [--note TEXT] [--who NAME] [--culprit SERVICE] [--server URL]\n"
     "                        list [--all] | revoke ANSWER\n\n"
     "ID is that of an incident (12) or anomaly (a345). Answers are kept, and listed with 'list'; 'revoke' takes one "
     "back.\n\n"
     "  expected        it is by design: what was seen, and up to half as much again, is normal from now on\n"
     "  wrong           a false alarm: the bar rises for these signals, within bounds ('man seismesh')\n"
     "  mute            recorded, but not counted as trouble (for 2h unless --for says otherwise)\n"
     "  --for TIME      in force for so long: 90s, 20m, 2h, 7d (default: for ever, or 2h for mute)\n"
     "  --culprit NAME  with wrong: the incident was real, but this service did not do it\n"
     "  --note TEXT     why; kept with the answer\n"
     "  --who NAME      who says so (default: $USER)\n"
     "  --all           list those that are over, too\n"
     "  --server URL    page and API of the server (default http://127.0.0.1:7117)\n",
     command_answer},
    {"canary", "a verdict on one version of a service against another",
     "SERVICE BASELINE CANARY [--since TIME | --last 10m] [--until TIME] [--server URL] [--json]\n\n"
     "Compares two versions that serve the same minutes, and ends with 0: pass, 1: fail, 3: not enough data (it says\n"
     "how much is missing), 2: no verdict (usage, no such service, server not reached). It can be asked every few\n"
     "seconds: looking often makes no error more likely. docs/canary.md has it as a gate for rollout controllers.\n\n"
     "  --since TIME    when the rollout began: RFC 3339 or seconds since 1970; keep it while you ask again\n"
     "                  (default: an hour before the newest event)\n"
     "  --last 10m      or so long ago\n"
     "  --until TIME    up to then (default: the newest event)\n"
     "  --error-points N    tolerated: so many points more of the requests fail (default 5)\n"
     "  --latency-factor N  tolerated: p99 and average answer so many times as long (default 2)\n"
     "  --alpha N       share of identical versions that may be failed, over a whole rollout (default 0.01)\n"
     "  --confidence N  of a pass: it is within what is tolerated (default 0.95)\n"
     "  --json          the whole answer\n"
     "  --server URL    page and API of the server (default http://127.0.0.1:7117)\n",
     command_canary},
    {"backup", "copy the store while the server goes on",
     "DEST [--data DIR | --server URL] [--config FILE]\n\n"
     "Copies the store as its last checkpoint left it to DEST, a new or empty directory, and says up to which journal\n"
     "position everything is in it. To restore: 'seismesh serve --data DEST', or copy DEST to where that is to run.\n"
     "'seismesh check --data DEST' reads it all once.\n\n"
     "  --data DIR      where the server keeps its data (default ./seismesh-data)\n"
     "  --server URL    ask the server, which runs on this machine, where that is\n"
     "  --config FILE   or the server's settings\n",
     command_backup},
    {"check", "read a store through and say what is damaged",
     "[--data DIR] [--config FILE]\n\n"
     "Reads every page, row, checksum and journal record; a server may be running on it. Says what is damaged, what "
     "that\n"
     "costs and what to do, and ends with 0: all is as it was written, 1: something is damaged, 2: it cannot be "
     "checked\n"
     "(no store, another version). What telemetry of the mesh is missing is another question: the page and\n"
     "/api/v1/status answer it, in 'meshes'.\n\n"
     "  --data DIR      the directory (default ./seismesh-data)\n"
     "  --config FILE   or the server's settings\n",
     command_check},
    {"check-config", "read a configuration file and say what is wrong with it",
     "FILE\n\n"
     "Exits with 0 when 'seismesh serve --config FILE' would accept it, else with 2 and the line and the cure.\n",
     command_check_config},
    {"version", "print the version", "\n", command_version},
    {"help", "this, or more about one command",
     "[COMMAND | config]\n\n"
     "'seismesh help config' prints every setting with its default and meaning, as a configuration file.\n",
     command_help},
};

const size_t command_count = sizeof commands / sizeof commands[0];

const command_t *command_find(const char *name) {
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

int command_misused(const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)fprintf(stderr, "seismesh %s: ", name);
    (void)vfprintf(stderr, format, args);
    (void)fprintf(stderr, " (see 'seismesh help %s')\n", name);
    va_end(args);
    return EXIT_USAGE;
}

int command_option(const char *name, int *argc, char **argv, const char **value) {
    int kept = 1, seen = 0;
    size_t len = strlen(name);
    for (int i = 1; i < *argc; i++) {
        bool joined = strncmp(argv[i], name, len) == 0 && argv[i][len] == '=';
        if (!joined && strcmp(argv[i], name) != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (!joined && i + 1 == *argc) return command_misused(argv[0], "%s needs a value", name);
        if (seen++ > 0) return command_misused(argv[0], "%s is given twice", name);
        *value = joined ? argv[i] + len + 1 : argv[++i];
    }
    *argc = kept;
    argv[kept] = NULL;
    return EXIT_FINE;
}

bool command_flag(const char *name, int *argc, char **argv) {
    int kept = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], name) != 0) argv[kept++] = argv[i];
    bool given = kept < *argc;
    *argc = kept;
    argv[kept] = NULL;
    return given;
}

int command_unknown_option(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-' && argv[i][1] != '\0')
            return command_misused(argv[0], "there is no option '%s'", argv[i]);
    return EXIT_FINE;
}
