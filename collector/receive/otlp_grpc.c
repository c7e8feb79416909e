/* otlp_grpc: the OTLP/gRPC receiver: HTTP/2 without TLS by nghttp2, over epoll threads of our own (h2.h). */
#include "base/memory.h"
#include "collector/receive/h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    receiver_t receiver;
    h2_service_t service;
} otlp_grpc_t;

static void grpc_free(otlp_grpc_t *grpc) {
    nghttp2_option_del(grpc->service.options);
    nghttp2_session_callbacks_del(grpc->service.callbacks);
    free(grpc);
}

static void otlp_grpc_stop(receiver_t *receiver) {
    otlp_grpc_t *grpc = (otlp_grpc_t *)receiver;
    h2_loops_stop(&grpc->service);
    grpc_free(grpc);
}

/* Closes the listener when it fails. */
static err_t grpc_begin(otlp_grpc_t *grpc, int listener, uint32_t threads) {
    grpc->service.options = h2_options_new();
    grpc->service.callbacks = h2_session_callbacks_new();
    if (grpc->service.options == NULL || grpc->service.callbacks == NULL) {
        (void)close(listener);
        return ERR_NOMEM;
    }
    err_t err = h2_loops_start(&grpc->service, threads > 0 ? threads : 1, listener);
    if (err != ERR_OK) {
        bool taken = grpc->service.loops[0].listener >= 0;
        h2_loops_stop(&grpc->service);
        if (!taken) (void)close(listener);
    }
    return err;
}

err_t otlp_grpc_start(const receiver_config_t *config, intake_t *intake, receiver_t **out, char *why, size_t why_size) {
    int listener;
    uint16_t port;
    err_t err = listen_open(config, "OTLP/gRPC", "listen.otlp_grpc", &listener, &port, why, why_size);
    if (err != ERR_OK) return err;
    otlp_grpc_t *grpc = memory_new(1, sizeof *grpc);
    grpc->receiver = (receiver_t){port, otlp_grpc_stop};
    grpc->service.config = *config;
    grpc->service.intake = intake;
    err = grpc_begin(grpc, listener, config->threads);
    if (err != ERR_OK) {
        (void)snprintf(why, why_size, "OTLP/gRPC cannot start its threads; raise the limits on threads and open files");
        grpc_free(grpc);
        return err;
    }
    *out = &grpc->receiver;
    return ERR_OK;
}
