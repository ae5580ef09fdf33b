/* Running one way of one node by itself, so that ways can be compared with each other. */
#ifndef TESTS_ENGINE_SUPPORT_WAYS_H
#define TESTS_ENGINE_SUPPORT_WAYS_H

#include "support.h"

#include "engine/kernel.h"

/* The node's way of that name on the CPU, or NULL if there is none or it does not support the node. */
const ss_way *support_find_way(const ss_node *node, const char *name);

/* Output 0 of the node computed by `way` from `in`, which has the values of the node's inputs as floats in plain layout
 * (NULL for absent ones); types and layouts are the node's tensors'. Result in plain layout, freed with free(). Scratch
 * and output hold NaNs before the run, so that what is read before it is written shows. */
float *support_run_way(const ss_node *node, const ss_way *way, const float *const *in, int threads);

/* `count` normal numbers that bf16 represents exactly; freed with free(). */
float *support_bf16_normal(int64_t count, uint64_t seed);

/* Every other way than "loops" that supports the node agrees with "loops" to `tolerance` x its largest value, and gives
 * the same bits when run again. Returns how many there were. */
int support_check_ways(const ss_node *node, double tolerance, uint64_t seed);

/* Every output of the node (and the running statistics it updates) computed by the way `name` agrees with "loops" to
 * its type's rounding. Bytes among the inputs are below `bytes_below`, vectors positive. Returns 0 if the way does not
 * support the node here, else 1. */
int support_compare_way(const ss_node *node, const char *name, uint32_t bytes_below);

#endif
