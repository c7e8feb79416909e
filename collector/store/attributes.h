/* attributes: does a span, as encoded, carry certain attributes? For the search in span blocks. */
#ifndef SEISMESH_STORE_ATTRIBUTES_H
#define SEISMESH_STORE_ATTRIBUTES_H

#include "collector/store/query.h"

/* Bits of the wanted attributes that are among the KeyValue messages with this field number: Resource 1, Span 9. A
 * malformed message has those that were found before. */
uint32_t attributes_found(slice_t message, uint32_t field_number, const query_attribute_t *wanted, uint32_t count);

#endif
