/* timestamp: moments as they stand in CSV files: "2014-04-01 00:05:00" (UTC unless it says otherwise), RFC 3339, or
 * seconds (with a fraction), milliseconds, microseconds or nanoseconds since 1970, told apart by their size. */
#ifndef SEISMESH_CLI_TIMESTAMP_H
#define SEISMESH_CLI_TIMESTAMP_H

#include "base/slice.h"

/* False when the text is none of these, or outside of 1678..2262. */
bool timestamp_parse(slice_t text, int64_t *ns);

#endif
