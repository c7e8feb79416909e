/* text: configuration objects as text and back. In between they are jansson trees, so that no value can ever become
 * syntax: a name is quoted by the writer wherever the format could read it as something else, whatever is in it.
 *
 * Reading is for live objects that people hand in: bounded, and strict where YAML readers disagree. */
#ifndef SEISMESH_ANALYZER_ROUTING_TEXT_H
#define SEISMESH_ANALYZER_ROUTING_TEXT_H

#include "base/buffer.h"
#include "base/err.h"

#include <jansson.h>

/* Appends the tree as a YAML document in the layout of kubectl, as indented JSON, or as HCL attributes. A tree is an
 * object; HCL writes its members one a line. */
void text_yaml(const json_t *tree, buffer_t *out);
void text_json(const json_t *tree, buffer_t *out);
void text_hcl(const json_t *tree, buffer_t *out);

/* Appends `text` as one word of a POSIX shell. */
void text_shell(const char *text, buffer_t *out);

/* Appends the unified diff (three lines of context) between two texts; `before` NULL: everything is new. The names
 * stand behind --- and +++. */
void text_diff(const char *before, const char *after, const char *name, buffer_t *out);

enum { LIVE_BYTES_MAX = 4 << 20, LIVE_DEPTH_MAX = 64, LIVE_NODES_MAX = 200000 };

/* Reads JSON, or YAML with any number of documents, into an array of objects; a Kubernetes List gives its items. Fields
 * that the API server sets (status, resourceVersion, managedFields …) are left out. ERR_MALFORMED, with a reason that
 * names the line where there is one. */
err_t text_read(slice_t text, json_t **objects, char *why, size_t why_size);

#endif
