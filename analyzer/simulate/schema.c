/* The document stays in memory as long as what was read from it: texts are its scalars. Aliases make a node appear
 * several times, so the number of nodes visited is bounded, not only that of nodes written. Depth is bounded by the
 * tables, none of which contains itself. */
#include "analyzer/simulate/schema.h"

#include "base/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yaml.h>

typedef struct block block_t;
struct block {
    block_t *next;
    void *memory;
};

struct schema_document {
    yaml_document_t document;
    block_t *blocks;
    uint32_t visited;
    char *why;
    size_t why_size;
};

typedef schema_document_t reader_t;

void *schema_memory(schema_document_t *document, size_t count, size_t size) {
    block_t *block = memory_new(1, sizeof *block);
    *block = (block_t){document->blocks, memory_new(count, size)};
    document->blocks = block;
    return block->memory;
}

void schema_free(schema_document_t *document) {
    if (document == NULL) return;
    for (block_t *block = document->blocks, *next; block != NULL; block = next) {
        next = block->next;
        free(block->memory);
        free(block);
    }
    yaml_document_delete(&document->document);
    free(document);
}

static void refuse_args(char *why, size_t why_size, int line, const char *format, va_list args) {
    int len = snprintf(why, why_size, "line %d: ", line);
    if (len >= 0 && (size_t)len < why_size) (void)vsnprintf(why + len, why_size - (size_t)len, format, args);
}

err_t schema_refuse(char *why, size_t why_size, int line, const char *format, ...) {
    va_list args;
    va_start(args, format);
    refuse_args(why, why_size, line, format, args);
    va_end(args);
    return ERR_INVALID;
}

static int line_of(const yaml_node_t *node) {
    return (int)node->start_mark.line + 1;
}

__attribute__((format(printf, 3, 4))) static bool refuse(const reader_t *reader, const yaml_node_t *node,
                                                         const char *format, ...) {
    va_list args;
    va_start(args, format);
    refuse_args(reader->why, reader->why_size, line_of(node), format, args);
    va_end(args);
    return false;
}

/* Edits (insert, delete, replace) from one word to another; words are short. */
static unsigned distance(const char *a, const char *b) {
    enum { LETTERS = 40 };
    unsigned row[LETTERS + 1];
    size_t width = strlen(b);
    if (width > LETTERS || strlen(a) > LETTERS) return LETTERS;
    for (size_t j = 0; j <= width; j++) row[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= width; j++) {
            unsigned best = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            if (corner + 1 < best) best = corner + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[width];
}

const char *schema_nearest(const char *name, const char *(*next)(const void *context, uint32_t i),
                           const void *context) {
    const char *best = NULL;
    unsigned least = strlen(name) < 4 ? 2 : 3;
    const char *candidate;
    for (uint32_t i = 0; (candidate = next(context, i)) != NULL; i++) {
        unsigned edits = distance(name, candidate);
        if (edits < least) {
            least = edits;
            best = candidate;
        }
    }
    return best;
}

static const char *next_key(const void *context, uint32_t i) {
    return ((const field_t *)context)[i].key;
}

static const char *next_word(const void *context, uint32_t i) {
    return ((const char *const *)context)[i];
}

/* All keys or words of a table in a row, for sentences. */
static const char *listed(const char *(*next)(const void *context, uint32_t i), const void *context, char *text,
                          size_t size) {
    size_t len = 0;
    const char *one;
    text[0] = '\0';
    for (uint32_t i = 0; (one = next(context, i)) != NULL && len < size; i++) {
        int more = snprintf(text + len, size - len, "%s%s", i > 0 ? ", " : "", one);
        len += more > 0 ? (size_t)more : 0;
    }
    return text;
}

static yaml_node_t *node_at(reader_t *reader, int id) {
    return yaml_document_get_node(&reader->document, id);
}

/* The text of a scalar; NULL, and explained, when it is none. */
static const char *scalar_text(const reader_t *reader, const yaml_node_t *node, const char *key) {
    const char *text = (const char *)node->data.scalar.value;
    if (node->type != YAML_SCALAR_NODE) {
        (void)refuse(reader, node, "'%.60s' takes one value, not a list or mapping", key);
        return NULL;
    }
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ') {
            (void)refuse(reader, node, "'%.60s' has a control character; write one line of text", key);
            return NULL;
        }
    if (strlen(text) == node->data.scalar.length && strlen(text) <= SCHEMA_TEXT_MAX) return text;
    (void)refuse(reader, node, "'%.60s' is longer than %d bytes or not text", key, SCHEMA_TEXT_MAX);
    return NULL;
}

static bool number_of(const char *text, double *value, const char **rest) {
    char *end;
    if (*text != '-' && *text != '.' && (*text < '0' || *text > '9')) return false; /* no "inf", no "nan" */
    *value = strtod(text, &end);
    *rest = end;
    return end != text && isfinite(*value);
}

static bool time_of(const char *text, double *seconds) {
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    const char *rest;
    if (!number_of(text, seconds, &rest)) return false;
    while (*rest == ' ') rest++;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(rest, units[i].unit) == 0) {
            *seconds *= units[i].seconds;
            return true;
        }
    return *seconds == 0 && *rest == '\0';
}

static bool share_of(const char *text, double *share) {
    const char *rest;
    if (!number_of(text, share, &rest)) return false;
    if (strcmp(rest, "%") != 0) return *rest == '\0';
    *share /= 100;
    return true;
}

static bool plain_number(const char *text, double *value) {
    const char *rest;
    return number_of(text, value, &rest) && *rest == '\0';
}

static bool moment_of(const char *text, int64_t *ns) {
    struct tm utc = {0};
    int read = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &utc.tm_year, &utc.tm_mon, &utc.tm_mday, &utc.tm_hour, &utc.tm_min,
               &utc.tm_sec, &read) != 6 ||
        read == 0 || text[read] != '\0')
        return false;
    bool real = utc.tm_year >= 1970 && utc.tm_year <= 2100 && utc.tm_mon >= 1 && utc.tm_mon <= 12 && utc.tm_mday >= 1 &&
                utc.tm_mday <= 31 && utc.tm_hour >= 0 && utc.tm_hour < 24 && utc.tm_min >= 0 && utc.tm_min < 60 &&
                utc.tm_sec >= 0 && utc.tm_sec < 60;
    utc.tm_year -= 1900;
    utc.tm_mon--;
    *ns = real ? (int64_t)timegm(&utc) * INT64_C(1000000000) : 0;
    return real;
}

static bool read_number(const reader_t *reader, const yaml_node_t *node, const field_t *field, const char *key,
                        const char *text, void *place) {
    static const char *const form[] = {
        [READ_TIME] = "a time such as 200us, 5ms, 1.5s, 10m, 2h or 7d",
        [READ_SHARE] = "a share such as 20% or 0.2",
        [READ_REAL] = "a number",
        [READ_COUNT] = "a whole number",
    };
    double value;
    bool (*const parse)(const char *, double *) = field->reading == READ_TIME    ? time_of
                                                  : field->reading == READ_SHARE ? share_of
                                                                                 : plain_number;
    bool fine = parse(text, &value) && (field->reading != READ_COUNT || value == floor(value));
    if (!fine) return refuse(reader, node, "'%.60s' is '%.40s': write %s", key, text, form[field->reading]);
    if (value < field->min || value > field->max)
        return refuse(reader, node, "'%.60s' is '%.40s': write %s from %.10g to %.10g%s", key, text,
                      form[field->reading], field->min, field->max, field->reading == READ_TIME ? " seconds" : "");
    if (field->reading == READ_TIME)
        *(int64_t *)place = llround(value * 1e9);
    else if (field->reading == READ_COUNT)
        *(uint32_t *)place = (uint32_t)value;
    else
        *(double *)place = value;
    return true;
}

static bool read_word(const reader_t *reader, const yaml_node_t *node, const field_t *field, const char *key,
                      const char *text, uint32_t *place) {
    char words[400];
    for (*place = 0; field->words[*place] != NULL; (*place)++)
        if (strcmp(field->words[*place], text) == 0) return true;
    const char *near = schema_nearest(text, next_word, field->words);
    return refuse(reader, node, "'%.60s' is '%.40s': write one of %s%s%s%s", key, text,
                  listed(next_word, field->words, words, sizeof words), near == NULL ? "" : " (did you mean '",
                  near == NULL ? "" : near, near == NULL ? "" : "'?)");
}

static bool read_scalar(const reader_t *reader, const yaml_node_t *node, const field_t *field, const char *key,
                        void *place) {
    const char *text = scalar_text(reader, node, key);
    if (text == NULL) return false;
    switch (field->reading) {
    case READ_TEXT:
        *(const char **)place = text;
        return *text != '\0' || refuse(reader, node, "'%.60s' is empty: write a name, or leave the key out", key);
    case READ_FLAG:
        *(bool *)place = strcmp(text, "true") == 0;
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ||
               refuse(reader, node, "'%.60s' is '%.40s': write true or false", key, text);
    case READ_WORD:
        return read_word(reader, node, field, key, text, place);
    case READ_MOMENT:
        return moment_of(text, place) ||
               refuse(reader, node, "'%.60s' is '%.40s': write a moment such as 2026-01-05T08:00:00Z", key, text);
    default:
        return read_number(reader, node, field, key, text, place);
    }
}

static bool read_object(reader_t *reader, const yaml_node_t *node, const schema_t *schema, void *object);

static bool read_list(reader_t *reader, const yaml_node_t *node, const field_t *field, list_t *list) {
    if (node->type != YAML_SEQUENCE_NODE)
        return refuse(reader, node, "'%s' takes a list: lines that begin with '- ', or [a, b]", field->key);
    const yaml_node_item_t *items = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - items);
    if ((double)count > field->max)
        return refuse(reader, node, "'%s' has %zu items: at most %g can be simulated", field->key, count, field->max);
    size_t size = field->inner != NULL ? field->inner->size : sizeof(const char *);
    *list = (list_t){schema_memory(reader, count + 1, size), (uint32_t)count};
    static const field_t text = {.reading = READ_TEXT};
    for (size_t i = 0; i < count; i++) {
        void *item = (char *)list->items + i * size;
        const yaml_node_t *inner = node_at(reader, items[i]);
        if (field->inner != NULL ? !read_object(reader, inner, field->inner, item)
                                 : !read_scalar(reader, inner, &text, field->key, item))
            return false;
    }
    return true;
}

static bool read_map(reader_t *reader, const yaml_node_t *node, const field_t *field, list_t *list) {
    if (node->type != YAML_MAPPING_NODE)
        return refuse(reader, node, "'%s' takes a mapping: 'name: …' for each item", field->key);
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pairs), name_at = field->inner->name_at;
    if ((double)count > field->max)
        return refuse(reader, node, "'%s' has %zu items: at most %g can be simulated", field->key, count, field->max);
    *list = (list_t){schema_memory(reader, count + 1, field->inner->size), (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        char *item = (char *)list->items + i * field->inner->size;
        const yaml_node_t *key = node_at(reader, pairs[i].key);
        const char *name = scalar_text(reader, key, field->key);
        if (name == NULL) return false;
        if (*name == '\0') return refuse(reader, key, "a name in '%s' is empty", field->key);
        for (size_t j = 0; j < i; j++)
            if (strcmp(*(const char **)(void *)((char *)list->items + j * field->inner->size + name_at), name) == 0)
                return refuse(reader, key, "'%s' is in '%s' a second time", name, field->key);
        if (!read_object(reader, node_at(reader, pairs[i].value), field->inner, item)) return false;
        *(const char **)(void *)(item + name_at) = name;
        ((head_t *)(void *)item)->line = line_of(key);
    }
    return true;
}

static bool read_field(reader_t *reader, const yaml_node_t *node, const field_t *field, void *object) {
    void *place = (char *)object + field->at;
    switch (field->reading) {
    case READ_OBJECT:
        return read_object(reader, node, field->inner, place);
    case READ_LIST:
        return read_list(reader, node, field, place);
    case READ_MAP:
        return read_map(reader, node, field, place);
    default:
        return read_scalar(reader, node, field, field->key, place);
    }
}

static bool read_pair(reader_t *reader, const yaml_node_t *key, const yaml_node_t *value, const schema_t *schema,
                      head_t *object) {
    char keys[600];
    const char *name = scalar_text(reader, key, schema->what);
    if (name == NULL) return false;
    size_t i = 0;
    while (schema->fields[i].key != NULL && strcmp(schema->fields[i].key, name) != 0) i++;
    if (schema->fields[i].key == NULL) {
        const char *near = schema_nearest(name, next_key, schema->fields);
        if (near != NULL)
            return refuse(reader, key, "%s has no key '%.60s'; did you mean '%s'?", schema->what, name, near);
        return refuse(reader, key, "%s has no key '%.60s'; it has: %s", schema->what, name,
                      listed(next_key, schema->fields, keys, sizeof keys));
    }
    if ((object->given >> i & 1) != 0) return refuse(reader, key, "'%s' is given a second time", name);
    object->given |= UINT64_C(1) << i;
    return read_field(reader, value, &schema->fields[i], object);
}

static bool read_object(reader_t *reader, const yaml_node_t *node, const schema_t *schema, void *object) {
    head_t *head = object;
    if (++reader->visited > SCHEMA_NODES_MAX) return refuse(reader, node, "too much in one file; split the scenario");
    if (schema->defaults != NULL) schema->defaults(object);
    head->line = line_of(node);
    if (node->type == YAML_SCALAR_NODE && node->data.scalar.length > 0 && schema->scalar != NULL)
        return read_scalar(reader, node, schema->scalar, schema->what, (char *)object + schema->scalar->at);
    bool empty = node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0;
    if (node->type != YAML_MAPPING_NODE && !empty)
        return refuse(reader, node, "%s is written as a mapping: 'key: value'", schema->what);
    for (yaml_node_pair_t *pair = empty ? NULL : node->data.mapping.pairs.start;
         !empty && pair < node->data.mapping.pairs.top; pair++)
        if (!read_pair(reader, node_at(reader, pair->key), node_at(reader, pair->value), schema, object)) return false;
    for (size_t i = 0; schema->fields[i].key != NULL; i++)
        if (schema->fields[i].needed && (head->given >> i & 1) == 0)
            return refuse(reader, node, "%s needs '%s'; add it", schema->what, schema->fields[i].key);
    return true;
}

static bool load(reader_t *reader, slice_t text) {
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) != 1) {
        (void)snprintf(reader->why, reader->why_size, "line 1: no memory for reading YAML");
        return false;
    }
    yaml_parser_set_input_string(&parser, text.len > 0 ? text.data : (const uint8_t *)"", text.len);
    bool fine = yaml_parser_load(&parser, &reader->document) == 1;
    if (!fine)
        (void)schema_refuse(reader->why, reader->why_size, (int)parser.problem_mark.line + 1, "not YAML: %s",
                            parser.problem == NULL ? "unreadable" : parser.problem);
    yaml_parser_delete(&parser);
    return fine;
}

err_t schema_read(slice_t text, const schema_t *schema, void *object, schema_document_t **out, char *why,
                  size_t why_size) {
    *out = NULL;
    if (text.len > SCHEMA_BYTES_MAX)
        return schema_refuse(why, why_size, 1, "longer than %d bytes; split the scenario", SCHEMA_BYTES_MAX);
    reader_t *reader = memory_new(1, sizeof *reader);
    reader->why = why;
    reader->why_size = why_size;
    if (!load(reader, text)) {
        free(reader);
        return ERR_INVALID;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (root == NULL)
        (void)schema_refuse(why, why_size, 1, "the file is empty; %s is wanted", schema->what);
    else if (read_object(reader, root, schema, object)) {
        *out = reader;
        return ERR_OK;
    }
    schema_free(reader);
    return ERR_INVALID;
}
