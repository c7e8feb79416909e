/* http_access: http_access_t put into effect on a curl handle. */
#ifndef SEISMESH_SCRAPE_HTTP_ACCESS_H
#define SEISMESH_SCRAPE_HTTP_ACCESS_H

#include "base/err.h"
#include "collector/scrape/scrape_config.h"

#include <curl/curl.h>

/* What every request of ours has in common: http and https only, no redirects, no proxy out of the environment. */
void http_request_init(CURL *curl);

/* TLS options, and the Authorization header appended to `headers`. The files of secrets are read now, every time, for
 * tokens are renewed. ERR_NOT_FOUND: one cannot be read; `why` names it. */
err_t http_access_apply(const http_access_t *access, CURL *curl, struct curl_slist **headers, char *why,
                        size_t why_size);

#endif
