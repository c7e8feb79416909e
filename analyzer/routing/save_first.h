/* save_first: for APIs that replace whole resources and cannot be asked to change a part. Without the live resource no
 * command can be given that would not lose what is not in it: so the command saves it, and the rest is made from that.
 */
#ifndef SEISMESH_ANALYZER_ROUTING_SAVE_FIRST_H
#define SEISMESH_ANALYZER_ROUTING_SAVE_FIRST_H

#define LIMIT_SAVE_FIRST                                                                                               \
    "updating replaces the whole resource, and only its own text can be completed: run the command, then 'seismesh "   \
    "suggestions show ID --as LANGUAGE --against FILE' for the one that changes it"

#endif
