/* log: lines for the person who runs the daemon, on standard error: time, level, message. Text that came from
 * outside goes through log_quote first, so that a log line is always one line. */
#ifndef SEISMESH_BASE_LOG_H
#define SEISMESH_BASE_LOG_H

#include "base/slice.h"

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } log_level_t;

/* Lines below this level are not written. The one global of the project. Default LOG_INFO. */
void log_set_level(log_level_t level);

void log_line(log_level_t level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes at most size - 1 printable characters of `text` into `out`, others as \xNN; returns `out`. */
const char *log_quote(char *out, size_t size, slice_t text);

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif
