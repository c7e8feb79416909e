#include "base/counters.h"

const counter_info_t counter_info[COUNTER_COUNT] = {
#define COUNTER_ROW(id, name, labels, help) {name, labels, help},
    COUNTER_LIST(COUNTER_ROW)
#undef COUNTER_ROW
};
