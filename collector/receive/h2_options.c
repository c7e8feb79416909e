/* Limits that later libnghttp2 has and earlier 1.52 had not: Debian 12 got them as security updates of the same version
 * (1.52.0-1+deb12u2: stream resets, CVE-2023-44487; CONTINUATION frames, CVE-2024-28182). A machine may lag behind, so
 * they are looked up at run time, and their absence is said. */
#define _GNU_SOURCE
#include "base/log.h"
#include "collector/receive/h2.h"

#include <dlfcn.h>

enum {
    RESET_BURST = 1000,
    RESETS_PER_S = 200,
    CONTINUATIONS_MAX = 8,
    OUTBOUND_ACKS_MAX = 1000,
    SETTINGS_MAX = 32,
};

typedef void (*set_pair_fn)(nghttp2_option *option, uint64_t first, uint64_t second);
typedef void (*set_size_fn)(nghttp2_option *option, size_t value);

static void *lookup(const char *name, const char *danger) {
    void *symbol = dlsym(RTLD_DEFAULT, name);
    if (symbol == NULL)
        log_warn("this machine's libnghttp2 %s has no %s: %s; install the distribution's security updates",
                 nghttp2_version(0)->version_str, name, danger);
    return symbol;
}

nghttp2_option *h2_options_new(void) {
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0) return NULL;
    nghttp2_option_set_max_outbound_ack(option, OUTBOUND_ACKS_MAX);
    nghttp2_option_set_max_settings(option, SETTINGS_MAX);

    set_pair_fn set_resets = (set_pair_fn)lookup("nghttp2_option_set_stream_reset_rate_limit",
                                                 "streams that are reset at once are only limited by our own count");
    if (set_resets != NULL) set_resets(option, RESET_BURST, RESETS_PER_S);
    set_size_fn set_continuations =
        (set_size_fn)lookup("nghttp2_option_set_max_continuations", "a flood of CONTINUATION frames costs CPU time");
    if (set_continuations != NULL) set_continuations(option, CONTINUATIONS_MAX);
    return option;
}
