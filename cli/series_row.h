/* series_row: the two fields of a line of "timestamp,value", as they stand in exports of monitoring systems. */
#ifndef SEISMESH_CLI_SERIES_ROW_H
#define SEISMESH_CLI_SERIES_ROW_H

#include "base/slice.h"

typedef struct {
    slice_t time, value; /* within the line, without spaces and quotes round them */
} series_row_t;

/* The text without blanks in front and blanks and line ends behind. */
slice_t series_row_trim(slice_t text);

/* False when the line does not have exactly two fields. */
bool series_row_split(slice_t line, series_row_t *row);

/* False when the text is not a finite decimal number. An empty value, "NaN" or "null" is a missing reading: NaN. */
bool series_row_value(slice_t text, double *value);

#endif
