#include "analyzer/routing/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- scalars ---- */

/* A word that every YAML reader takes for a string: letters first, and nothing that has a meaning. */
static bool is_plain(const char *text, size_t len) {
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    if (len == 0 || !isalpha((unsigned char)text[0])) return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80 || (!isalnum((unsigned char)text[i]) && strchr("._/-", text[i]) == NULL) ||
            text[i] == '\0')
            return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0) return false;
    return true;
}

/* One code point of valid UTF-8 (jansson takes no other). */
static uint32_t next_point(const unsigned char **at) {
    const unsigned char *c = *at;
    int more = c[0] < 0x80 ? 0 : c[0] < 0xe0 ? 1 : c[0] < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? c[0] : c[0] & (0x3fU >> more);
    for (int i = 1; i <= more; i++) point = point << 6 | (c[i] & 0x3fU);
    *at = c + more + 1;
    return point;
}

/* What may stand in quotes as it is: printable, no line break of any kind, no mark that readers drop. */
static bool as_it_is(uint32_t point) {
    if (point < 0x80) return point >= 0x20 && point != 0x7f && point != '"' && point != '\\';
    if (point < 0xa0 || point == 0x2028 || point == 0x2029 || point == 0xfeff) return false;
    return point < 0xd800 || (point >= 0xe000 && point <= 0xfffd) || (point >= 0x10000 && point <= 0x10ffff);
}

/* In double quotes. HCL takes "${" for the beginning of an expression, so its dollar signs are escaped. */
static void quoted(const char *text, size_t len, bool hcl, buffer_t *out) {
    const unsigned char *at = (const unsigned char *)text, *end = at + len;
    buffer_byte(out, '"');
    while (at < end) {
        const unsigned char *from = at;
        uint32_t point = next_point(&at);
        if (point == '"' || point == '\\')
            buffer_format(out, "\\%c", (char)point);
        else if (point == '\n' || point == '\t' || point == '\r')
            buffer_format(out, "\\%c", point == '\n' ? 'n' : point == '\t' ? 't' : 'r');
        else if (point > 0xffff && !as_it_is(point))
            buffer_format(out, "\\U%08X", (unsigned)point);
        else if (!as_it_is(point) || (hcl && point == '$'))
            buffer_format(out, "\\u%04X", (unsigned)point);
        else
            buffer_append(out, from, (size_t)(at - from));
    }
    buffer_byte(out, '"');
}

/* As short as it can be and still read back the same. */
static void real(double value, buffer_t *out) {
    char text[40] = "";
    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) break;
    }
    buffer_text(out, text);
    if (strpbrk(text, ".e") == NULL) buffer_text(out, ".0");
}

static void scalar(const json_t *value, bool hcl, buffer_t *out) {
    switch (json_typeof(value)) {
    case JSON_STRING: {
        const char *text = json_string_value(value);
        size_t len = json_string_length(value);
        if (!hcl && is_plain(text, len))
            buffer_append(out, text, len);
        else
            quoted(text, len, hcl, out);
        break;
    }
    case JSON_INTEGER:
        buffer_format(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        real(json_real_value(value), out);
        break;
    case JSON_TRUE:
        buffer_text(out, "true");
        break;
    case JSON_FALSE:
        buffer_text(out, "false");
        break;
    default:
        buffer_text(out, "null");
        break;
    }
}

static bool is_empty(const json_t *value) {
    return (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static bool nests(const json_t *value) {
    return (json_is_object(value) || json_is_array(value)) && !is_empty(value);
}

static void indent_by(unsigned indent, buffer_t *out) {
    for (unsigned i = 0; i < indent; i++) buffer_byte(out, ' ');
}

static void simple(const json_t *value, bool hcl, buffer_t *out) {
    if (is_empty(value))
        buffer_text(out, json_is_object(value) ? "{}" : "[]");
    else
        scalar(value, hcl, out);
}

/* ---- YAML: items of a list stand as far in as the key above them, as kubectl writes it ---- */

static void yaml_members(const json_t *object, unsigned indent, bool first_is_placed, buffer_t *out);

static void yaml_items(const json_t *array, unsigned indent, buffer_t *out) {
    size_t index;
    const json_t *item;
    json_array_foreach((json_t *)array, index, item) {
        indent_by(indent, out);
        buffer_text(out, "- ");
        if (json_is_object(item) && nests(item)) {
            yaml_members(item, indent + 2, true, out);
        } else if (nests(item)) {
            buffer_text(out, "\n");
            yaml_items(item, indent + 2, out);
        } else {
            simple(item, false, out);
            buffer_text(out, "\n");
        }
    }
}

static void yaml_members(const json_t *object, unsigned indent, bool first_is_placed, buffer_t *out) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (!first_is_placed) indent_by(indent, out);
        first_is_placed = false;
        if (is_plain(key, strlen(key)))
            buffer_text(out, key);
        else
            quoted(key, strlen(key), false, out);
        buffer_text(out, nests(value) ? ":\n" : ": ");
        if (json_is_object(value) && nests(value)) {
            yaml_members(value, indent + 2, false, out);
        } else if (nests(value)) {
            yaml_items(value, indent, out);
        } else {
            simple(value, false, out);
            buffer_text(out, "\n");
        }
    }
}

void text_yaml(const json_t *tree, buffer_t *out) {
    if (!nests(tree)) {
        simple(tree, false, out);
        buffer_text(out, "\n");
    } else if (json_is_object(tree)) {
        yaml_members(tree, 0, false, out);
    } else {
        yaml_items(tree, 0, out);
    }
}

void text_json(const json_t *tree, buffer_t *out) {
    char *text = json_dumps(tree, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17));
    buffer_text(out, text == NULL ? "{}" : text);
    buffer_text(out, "\n");
    free(text);
}

/* ---- HCL ---- */

static void hcl_members(const json_t *object, unsigned indent, buffer_t *out);

static void hcl_value(const json_t *value, unsigned indent, buffer_t *out) {
    if (json_is_object(value) && nests(value)) {
        buffer_text(out, "{\n");
        hcl_members(value, indent + 2, out);
        indent_by(indent, out);
        buffer_text(out, "}");
    } else if (nests(value)) {
        size_t index;
        const json_t *item;
        buffer_text(out, "[\n");
        json_array_foreach((json_t *)value, index, item) {
            indent_by(indent + 2, out);
            hcl_value(item, indent + 2, out);
            buffer_text(out, ",\n");
        }
        indent_by(indent, out);
        buffer_text(out, "]");
    } else {
        simple(value, true, out);
    }
}

static void hcl_members(const json_t *object, unsigned indent, buffer_t *out) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        indent_by(indent, out);
        bool bare = is_plain(key, strlen(key)) && strpbrk(key, "./-") == NULL;
        if (bare)
            buffer_text(out, key);
        else
            quoted(key, strlen(key), true, out);
        buffer_text(out, " = ");
        hcl_value(value, indent, out);
        buffer_text(out, "\n");
    }
}

void text_hcl(const json_t *tree, buffer_t *out) {
    hcl_members(tree, 0, out);
}

/* ---- shell ---- */

void text_shell(const char *text, buffer_t *out) {
    bool safe = text[0] != '\0' && text[0] != '-';
    for (const char *c = text; *c != '\0'; c++)
        safe &= (unsigned char)*c < 0x80 && (isalnum((unsigned char)*c) || strchr("._/-:=@%+,", *c) != NULL);
    if (safe) {
        buffer_text(out, text);
        return;
    }
    buffer_byte(out, '\'');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'')
            buffer_text(out, "'\\''");
        else
            buffer_byte(out, (uint8_t)*c);
    }
    buffer_byte(out, '\'');
}
