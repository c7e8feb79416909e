#define _GNU_SOURCE /* gettid */
#include "base/background.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICE = 10 };

/* On Linux a priority is a thread's, whatever POSIX says of processes: setpriority(2). */
void background_thread(void) {
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICE) != 0)
        log_debug("a background thread keeps its priority: %s", strerror(errno));
}
