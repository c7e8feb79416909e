/* A line is one of: blank; "# TYPE family type", "# UNIT family unit", "# HELP …", "# EOF", another comment; a sample:
 *
 *     name{label="value",…} number [timestamp] [# {exemplar} number [timestamp]]
 *
 * The end of the labels is found by going from quote to quote, so that braces, blanks and signs in values mean nothing.
 * The lines of one histogram differ in `le` alone, which all writers that we know put last: such a line is recognised
 * by one comparison with the line before, and only what follows is read. */
#include "collector/scrape/exposition.h"

#include <math.h>

static const char *const type_words[FAMILY_TYPES] = {
    [FAMILY_UNKNOWN] = "unknown",   [FAMILY_COUNTER] = "counter",
    [FAMILY_GAUGE] = "gauge",       [FAMILY_HISTOGRAM] = "histogram",
    [FAMILY_SUMMARY] = "summary",   [FAMILY_INFO] = "info",
    [FAMILY_STATESET] = "stateset", [FAMILY_GAUGEHISTOGRAM] = "gaugehistogram",
};

/* Endings that belong to a family of a type; those of OpenMetrics alone are marked. */
static const struct {
    family_type_t type;
    bool openmetrics;
    const char *ending;
    family_part_t part;
} endings[] = {
    {FAMILY_COUNTER, true, "_total", PART_VALUE},
    {FAMILY_COUNTER, true, "_created", PART_CREATED},
    {FAMILY_HISTOGRAM, false, "_bucket", PART_BUCKET},
    {FAMILY_HISTOGRAM, false, "_sum", PART_SUM},
    {FAMILY_HISTOGRAM, false, "_count", PART_COUNT},
    {FAMILY_HISTOGRAM, true, "_created", PART_CREATED},
    {FAMILY_SUMMARY, false, "_sum", PART_SUM},
    {FAMILY_SUMMARY, false, "_count", PART_COUNT},
    {FAMILY_SUMMARY, true, "_created", PART_CREATED},
    {FAMILY_INFO, true, "_info", PART_VALUE},
    {FAMILY_GAUGEHISTOGRAM, true, "_bucket", PART_BUCKET},
    {FAMILY_GAUGEHISTOGRAM, true, "_gsum", PART_SUM},
    {FAMILY_GAUGEHISTOGRAM, true, "_gcount", PART_COUNT},
};

void exposition_begin(exposition_t *page, slice_t text, bool openmetrics) {
    *page = (exposition_t){.text = text, .openmetrics = openmetrics};
}

void exposition_skip(exposition_t *page) {
    page->skipping = true;
}

static exposition_item_t wrong(exposition_t *page, const char *why) {
    page->why = why;
    page->ended = true;
    return EXPOSITION_WRONG;
}

/* ---- words of a line ---- */

static slice_t from(slice_t text, size_t at) {
    return at == 0 ? text : slice_of(text.data + at, text.len - at); /* nothing is added to NULL */
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

static slice_t trimmed(slice_t text) {
    size_t at = 0;
    while (at < text.len && is_blank(text.data[at])) at++;
    return from(text, at);
}

/* Takes what stands before the next blank. */
static slice_t take_word(slice_t *rest) {
    *rest = trimmed(*rest);
    size_t len = 0;
    while (len < rest->len && !is_blank(rest->data[len])) len++;
    slice_t word = slice_of(rest->data, len);
    *rest = from(*rest, len);
    return word;
}

/* Letters of names: 1 = anywhere, 2 = not at the beginning, 4 = in names of metrics only. */
static const uint8_t name_letters[256] = {
    ['a' ... 'z'] = 1, ['A' ... 'Z'] = 1, ['_'] = 1, ['0' ... '9'] = 2, [':'] = 4};

static size_t name_length(slice_t text, uint8_t more) {
    size_t len = 0;
    while (len < text.len && (name_letters[text.data[len]] & (1 | more | (len > 0 ? 2 : 0)))) len++;
    return len;
}

/* ---- labels ---- */

/* Index of the quote that ends a value which begins at `at`; text.len when none does. */
static size_t closing_quote(slice_t text, size_t at) {
    for (size_t begin = at;;) {
        if (at >= text.len) return text.len;
        const uint8_t *quote = memchr(text.data + at, '"', text.len - at);
        if (quote == NULL) return text.len;
        size_t found = (size_t)(quote - text.data), back = found;
        while (back > begin && text.data[back - 1] == '\\') back--;
        if ((found - back) % 2 == 0) return found;
        at = found + 1;
    }
}

/* Length of a well-formed label at the beginning of `text`, blanks around it included; 0 when it is none. */
static size_t label_length(slice_t text, slice_t *name, slice_t *value) {
    size_t at = 0;
    while (at < text.len && is_blank(text.data[at])) at++;
    size_t len = name_length(from(text, at), 0);
    if (len == 0) return 0;
    *name = slice_of(text.data + at, len);
    at += len;
    while (at < text.len && is_blank(text.data[at])) at++;
    if (at == text.len || text.data[at] != '=') return 0;
    at++;
    while (at < text.len && is_blank(text.data[at])) at++;
    if (at == text.len || text.data[at] != '"') return 0;
    at++;
    size_t end = closing_quote(text, at);
    if (end == text.len) return 0;
    *value = slice_of(text.data + at, end - at);
    at = end + 1;
    while (at < text.len && is_blank(text.data[at])) at++;
    return at;
}

bool exposition_label(slice_t *rest, slice_t *name, slice_t *value) {
    size_t len = label_length(*rest, name, value);
    if (len == 0) return false;
    if (len < rest->len && rest->data[len] == ',') len++;
    *rest = from(*rest, len);
    return true;
}

size_t exposition_unescape(slice_t value, uint8_t *out) {
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        bool escaped = c == '\\' && i + 1 < value.len;
        uint8_t next = escaped ? value.data[i + 1] : 0;
        if (escaped && (next == '\\' || next == '"' || next == 'n')) {
            c = next == 'n' ? '\n' : next;
            i++;
        }
        out[len++] = c;
    }
    return len;
}

/* Reads "{…}" at the beginning of `text`; returns its length with both braces, 0 when malformed. `last` gets the label
 * that stands last, and where its value begins. */
static size_t labels_length(slice_t text, slice_t *labels, slice_t *last_name, slice_t *last_value) {
    size_t at = 1;
    *last_name = *last_value = slice_of(NULL, 0);
    for (bool comma = true;;) {
        while (at < text.len && is_blank(text.data[at])) at++;
        if (at == text.len) return 0;
        if (text.data[at] == '}') break;
        size_t len = comma ? label_length(from(text, at), last_name, last_value) : 0;
        if (len == 0) return 0;
        at += len;
        comma = at < text.len && text.data[at] == ',';
        at += comma;
    }
    *labels = slice_of(text.data + 1, at - 1);
    return at + 1;
}

/* ---- what follows the labels ---- */

/* Seconds with a fraction (OpenMetrics) or milliseconds, as nanoseconds. */
static bool read_time(const exposition_t *page, slice_t word, int64_t *time_ns) {
    double number, units = page->openmetrics ? 1 : 1000;
    if (!exposition_number(word, &number) || !(fabs(number) < 9e9 * units)) return false;
    double whole = trunc(number); /* exact, as the product with a whole number of nanoseconds is */
    *time_ns = (int64_t)whole * (int64_t)(1e9 / units) + llround((number - whole) * 1e9 / units);
    return true;
}

static bool read_exemplar(slice_t rest) {
    slice_t labels, name, value;
    double number;
    rest = trimmed(rest);
    if (rest.len == 0 || rest.data[0] != '{') return false;
    size_t len = labels_length(rest, &labels, &name, &value);
    if (len == 0) return false;
    rest = from(rest, len);
    if (!exposition_number(take_word(&rest), &number)) return false;
    slice_t time = take_word(&rest);
    return trimmed(rest).len == 0 && (time.len == 0 || exposition_number(time, &number));
}

static bool read_value(const exposition_t *page, slice_t rest, exposition_sample_t *sample) {
    sample->time_ns = 0;
    if (!exposition_number(take_word(&rest), &sample->value)) return false;
    if (rest.len == 0) return true;
    slice_t word = take_word(&rest);
    if (word.len > 0 && !slice_is(word, "#")) {
        if (!read_time(page, word, &sample->time_ns)) return false;
        word = take_word(&rest);
    }
    if (word.len == 0) return true;
    return page->openmetrics && slice_is(word, "#") && read_exemplar(rest);
}

/* ---- families ---- */

static bool ends(slice_t name, size_t len, const char *ending) {
    return slice_is(from(name, len), ending);
}

/* Whether a name belongs to the current family, and as what. */
static bool part_of_family(const exposition_t *page, slice_t name, family_part_t *part) {
    slice_t family = page->family;
    if (family.len == 0 || name.len < family.len || memcmp(name.data, family.data, family.len) != 0) return false;
    *part = PART_VALUE;
    if (name.len == family.len) return true;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (endings[i].type != page->type || (endings[i].openmetrics && !page->openmetrics)) continue;
        if (!ends(name, family.len, endings[i].ending)) continue;
        *part = endings[i].part;
        return true;
    }
    return false;
}

static void begin_family(exposition_t *page, slice_t name, family_type_t type) {
    page->family = name;
    page->type = type;
    page->unit = slice_of(NULL, 0);
    page->skipping = false;
    page->repeated = slice_of(NULL, 0);
}

static bool type_named(slice_t word, family_type_t *type) {
    for (int i = 0; i < FAMILY_TYPES; i++)
        if (slice_is(word, type_words[i])) {
            *type = (family_type_t)i;
            return true;
        }
    *type = FAMILY_UNKNOWN;
    return slice_is(word, "untyped");
}

static exposition_item_t read_type(exposition_t *page, slice_t rest) {
    family_type_t type;
    slice_t name = take_word(&rest), word = take_word(&rest);
    if (name.len == 0 || name_length(name, 4) != name.len) return wrong(page, "TYPE without the name of a metric");
    if (!type_named(word, &type)) return wrong(page, "a TYPE that does not exist");
    begin_family(page, name, type);
    return EXPOSITION_FAMILY;
}

/* A comment. EXPOSITION_END says that it told nothing. */
static exposition_item_t read_comment(exposition_t *page, slice_t line) {
    slice_t rest = from(line, 1), word;
    if (page->openmetrics && slice_is(line, "# EOF")) {
        page->ended = true;
        return page->at == page->text.len ? EXPOSITION_END : wrong(page, "something behind # EOF");
    }
    word = take_word(&rest);
    if (slice_is(word, "TYPE")) return read_type(page, rest);
    if (page->openmetrics && slice_is(word, "UNIT")) {
        slice_t name = take_word(&rest);
        if (slice_equal(name, page->family)) page->unit = take_word(&rest);
    }
    return EXPOSITION_END;
}

/* ---- samples ---- */

/* The line repeats the one before up to the value of `le`. */
static bool read_again(exposition_t *page, slice_t line, exposition_sample_t *sample) {
    slice_t repeated = page->repeated;
    if (repeated.len == 0 || line.len <= repeated.len || memcmp(line.data, repeated.data, repeated.len) != 0)
        return false;
    size_t end = repeated.len;
    while (end < line.len && line.data[end] != '"' && line.data[end] != '\\') end++;
    if (end + 2 >= line.len || line.data[end] != '"' || line.data[end + 1] != '}' || line.data[end + 2] != ' ')
        return false;
    *sample = page->last;
    sample->again = true;
    sample->bound = slice_of(line.data + repeated.len, end - repeated.len);
    size_t before = page->last.name.len + 1;
    sample->name = slice_of(line.data, page->last.name.len);
    sample->labels = slice_of(line.data + before, end + 1 - before);
    return read_value(page, from(line, end + 2), sample);
}

/* The next line may repeat this one where `le` stands last, without anything unusual around it. */
static void remember(exposition_t *page, slice_t line, const exposition_sample_t *sample, slice_t last_value) {
    bool plain = sample->name.data == line.data && line.data[sample->name.len] == '{' && sample->bound.len > 0 &&
                 sample->labels.len > 0 && sample->labels.data[sample->labels.len - 1] == '"';
    page->repeated = plain ? slice_of(line.data, (size_t)(last_value.data - line.data)) : slice_of(NULL, 0);
    page->last = *sample;
}

static bool read_sample(exposition_t *page, slice_t line, exposition_sample_t *sample) {
    slice_t last_name = {NULL, 0}, last_value = {NULL, 0};
    *sample = (exposition_sample_t){0};
    size_t len = name_length(line, 4);
    if (len == 0) {
        page->why = "neither a comment nor the name of a metric";
        return false;
    }
    sample->name = slice_of(line.data, len);
    slice_t rest = trimmed(from(line, len));
    if (rest.len > 0 && rest.data[0] == '{') {
        size_t labels = labels_length(rest, &sample->labels, &last_name, &last_value);
        if (labels == 0) {
            page->why = "labels that are not NAME=\"VALUE\"";
            return false;
        }
        rest = from(rest, labels);
    } else if (rest.len == line.len - len) {
        page->why = "no value behind the name";
        return false;
    }
    if (slice_is(last_name, "le")) sample->bound = last_value;
    if (!read_value(page, rest, sample)) {
        page->why = "a value or timestamp that is no number";
        return false;
    }
    remember(page, line, sample, last_value);
    return true;
}

/* The line that is about to be read belongs to a family that nobody wants. */
static bool is_skipped(const exposition_t *page, slice_t line) {
    slice_t family = page->family;
    if (!page->skipping || line.len <= family.len || memcmp(line.data, family.data, family.len) != 0) return false;
    uint8_t next = line.data[family.len];
    if (next == '{' || is_blank(next)) return true;
    family_part_t part;
    return next == '_' && part_of_family(page, slice_of(line.data, name_length(line, 4)), &part);
}

static exposition_item_t take_sample(exposition_t *page, slice_t line, exposition_sample_t *sample) {
    if (page->pending) { /* its family was told; the line comes again */
        page->pending = false;
        *sample = page->last;
        return EXPOSITION_SAMPLE;
    }
    if (read_again(page, line, sample)) return EXPOSITION_SAMPLE;
    if (!read_sample(page, line, sample)) return wrong(page, page->why);
    if (part_of_family(page, sample->name, &sample->part)) {
        page->last.part = sample->part;
        return EXPOSITION_SAMPLE;
    }
    slice_t repeated = page->repeated;
    begin_family(page, sample->name, FAMILY_UNKNOWN);
    page->repeated = repeated;
    page->pending = true;
    return EXPOSITION_FAMILY;
}

/* The line at page->at, without its end. */
static slice_t line_at(const exposition_t *page, size_t *next) {
    slice_t rest = from(page->text, page->at);
    const uint8_t *end = memchr(rest.data, '\n', rest.len);
    size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
    *next = page->at + len + (end != NULL);
    return slice_of(rest.data, len);
}

exposition_item_t exposition_next(exposition_t *page, exposition_sample_t *sample) {
    while (!page->ended && page->at < page->text.len) {
        size_t next;
        slice_t line = line_at(page, &next);
        bool second = page->pending;
        page->line += !second;
        if (is_skipped(page, line)) {
            page->samples++;
            page->pending = false;
            page->at = next;
            continue;
        }
        if (line.len > 0 && is_blank(line.data[0])) line = trimmed(line);
        if (line.len > 0 && line.data[line.len - 1] == '\r') line.len--;
        exposition_item_t item = EXPOSITION_END;
        if (line.len > 0 && line.data[0] == '#') {
            page->at = next;
            item = read_comment(page, line);
            if (page->ended) return item;
        } else if (line.len > 0) {
            item = take_sample(page, line, sample);
            if (item != EXPOSITION_FAMILY) page->at = next;
            page->samples += item == EXPOSITION_SAMPLE;
        } else {
            page->at = next;
        }
        if (item != EXPOSITION_END) return item;
    }
    if (page->openmetrics && !page->ended) return wrong(page, "the page ends without # EOF: it was cut short");
    page->ended = true;
    return EXPOSITION_END;
}
