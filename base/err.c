#include "base/err.h"

const char *err_text(err_t err) {
    switch (err) {
    case ERR_OK:
        return "ok";
    case ERR_MALFORMED:
        return "malformed";
    case ERR_TOO_LARGE:
        return "too large";
    case ERR_UNSUPPORTED:
        return "unsupported";
    case ERR_INVALID:
        return "invalid";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_BUSY:
        return "busy";
    case ERR_FULL:
        return "full";
    case ERR_CLOSED:
        return "closed";
    case ERR_IO:
        return "input/output error";
    case ERR_NOMEM:
        return "out of memory";
    case ERR_FOREIGN:
        return "not ours";
    }
    return "unknown error";
}
