#include "collector/scrape/http_access.h"

#include <errno.h>
#include <stdio.h>

enum { SECRET_MAX = 16384 };

void http_request_init(CURL *curl) {
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "seismesh/" SEISMESH_VERSION);
}

/* The text of a small file without the blanks at its end. */
static err_t read_secret(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "rb");
    size_t len = 0;
    if (file != NULL) {
        len = fread(out, 1, size - 1, file);
        (void)fclose(file);
    }
    while (len > 0 && ((unsigned char)out[len - 1] <= ' ')) len--;
    out[len] = '\0';
    return file == NULL ? ERR_NOT_FOUND : ERR_OK;
}

static void apply_tls(const http_access_t *access, CURL *curl) {
    if (access->ca_file != NULL) (void)curl_easy_setopt(curl, CURLOPT_CAINFO, access->ca_file);
    if (access->cert_file != NULL) (void)curl_easy_setopt(curl, CURLOPT_SSLCERT, access->cert_file);
    if (access->key_file != NULL) (void)curl_easy_setopt(curl, CURLOPT_SSLKEY, access->key_file);
    if (!access->insecure_skip_verify) return;
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
}

static err_t secret(const char *path, char *out, size_t size, char *why, size_t why_size) {
    err_t err = read_secret(path, out, size);
    if (err != ERR_OK) (void)snprintf(why, why_size, "%.100s cannot be read: %s", path, strerror(errno));
    return err;
}

err_t http_access_apply(const http_access_t *access, CURL *curl, struct curl_slist **headers, char *why,
                        size_t why_size) {
    char text[SECRET_MAX], line[SECRET_MAX + 100];
    apply_tls(access, curl);
    if (access->credentials_file != NULL) {
        if (secret(access->credentials_file, text, sizeof text, why, why_size) != ERR_OK) return ERR_NOT_FOUND;
        const char *type = access->authorization_type != NULL ? access->authorization_type : "Bearer";
        (void)snprintf(line, sizeof line, "Authorization: %.60s %s", type, text);
        *headers = curl_slist_append(*headers, line);
    }
    if (access->username == NULL) return ERR_OK;
    text[0] = '\0';
    if (access->password_file != NULL && secret(access->password_file, text, sizeof text, why, why_size) != ERR_OK)
        return ERR_NOT_FOUND;
    (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    (void)curl_easy_setopt(curl, CURLOPT_USERNAME, access->username);
    (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, text);
    return ERR_OK;
}
