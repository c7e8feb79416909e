/* config_value: texts of settings as values: sizes (4096, 64MiB, 1.5GB), times (45, 10s, 5m, 250ms, 1h, 2d), counts,
 * switches. Each returns false when the text is none of these. */
#ifndef SEISMESH_BASE_CONFIG_VALUE_H
#define SEISMESH_BASE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

bool config_value_bytes(const char *text, uint64_t *bytes);   /* B, kB, MB, GB, TB, KiB, MiB, GiB, TiB */
bool config_value_seconds(const char *text, double *seconds); /* ms, s, m, h, d; without a unit: seconds */
bool config_value_count(const char *text, uint64_t *count);   /* digits only */
bool config_value_real(const char *text, double *number);     /* finite, no sign */
bool config_value_flag(const char *text, bool *on);           /* true, yes, on, false, no, off */

#endif
