#include "base/log.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static log_level_t level_of(const char *name) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (log_level_t)i;
    return LOG_INFO;
}

/* As many open files as we may have: each connection needs one. */
static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log_debug("cannot raise the limit on open files: %s", strerror(errno));
}

static void say_where(const daemon_t *daemon, const config_t *config) {
    if (daemon_port_grpc(daemon) != 0) log_info("OTLP/gRPC on %s", config->listen_otlp_grpc);
    if (daemon_port_http(daemon) != 0) log_info("OTLP/HTTP on %s", config->listen_otlp_http);
    log_info("data in %s, durability %s", config->data, config->durability);
    if (strcmp(config->role, "all") != 0)
        log_info("role %s: Kafka at %s, group %s", config->role, config->kafka_brokers, config->kafka_group);
    const char *colon = strrchr(config->listen_web, ':');
    log_info("page and API at http://%.*s:%u/", (int)(colon - config->listen_web), config->listen_web,
             daemon_port_web(daemon));
}

int command_serve(int argc, char **argv) {
    config_t config;
    char why[512];
    if (config_load(&config, &argc, argv, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh: %s\n", why);
        return 2;
    }
    if (argc > 1) {
        (void)fprintf(stderr, "seismesh: serve takes no argument '%s'; see 'seismesh help serve'\n", argv[1]);
        config_free(&config);
        return 2;
    }
    log_set_level(level_of(config.log_level));
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL); /* inherited by all threads: only sigwait below takes them */
    (void)signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    memory_keep_freed();
    daemon_t *daemon;
    if (daemon_start(&config, &clock_system, &daemon, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "seismesh: %s\n", why);
        config_free(&config);
        return 2;
    }
    say_where(daemon, &config);
    int received;
    while (sigwait(&stop, &received) != 0) {
    }
    log_info("stopping (%s): finishing what was acknowledged", received == SIGINT ? "interrupt" : "terminated");
    daemon_stop(daemon);
    log_info("stopped");
    config_free(&config);
    return 0;
}
