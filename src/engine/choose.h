/* Inside the planner: choosing the way for a node by timing. */
#ifndef SS_ENGINE_CHOOSE_H
#define SS_ENGINE_CHOOSE_H

#include "engine/kernel.h"
#include "engine/ways.h"

typedef struct ss_choice {
  const ss_way *way;
  char times[120]; /* what each way took when they were timed, "amx 1.20, onednn 3.41" in ms; "" for an only way */
} ss_choice;

/* The fastest of the device's ways that support the node; timed unless `ways` knows it, and then remembered there. On a
 * device with memory of its own the first that supports it. */
ss_status ss_choose_way(const ss_node *node, const ss_device *device, int threads, ss_ways *ways, ss_choice *choice,
                        ss_error *error);

/* "batch norm (128, 32, 32, 64)": for messages. */
const char *ss_node_text(const ss_node *node, char text[160]);

#endif
