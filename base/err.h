/* err: the results that functions of this project can give. 0 is fine; each header says which others it uses. */
#ifndef SEISMESH_BASE_ERR_H
#define SEISMESH_BASE_ERR_H

typedef enum {
    ERR_OK = 0,
    ERR_MALFORMED,   /* the bytes are not what the protocol or format says */
    ERR_TOO_LARGE,   /* over a configured limit */
    ERR_UNSUPPORTED, /* well formed, but an encoding or version that we do not read */
    ERR_INVALID,     /* an argument or a setting that cannot be used */
    ERR_NOT_FOUND,
    ERR_BUSY,   /* somebody else holds it (port, directory, lock) */
    ERR_FULL,   /* a bounded queue or table is full: try again later */
    ERR_CLOSED, /* shutting down, or already shut */
    ERR_IO,     /* the operating system failed a read, write or sync: errno says more */
    ERR_NOMEM,
    ERR_FOREIGN, /* a file or directory that is not ours, or of a newer version */
} err_t;

/* One or two plain words for a person ("too large"). Never NULL. */
const char *err_text(err_t err);

#endif
