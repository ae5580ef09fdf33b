/* Rays against the solid, many at a time so that the loops fill vectors. All in object space. */
#ifndef SS_WORLD_TRACE_H
#define SS_WORLD_TRACE_H

#include "world/vector.h"

/* distance[i]: from origin i along the unit direction i to the surface by sphere tracing (Hart 1996), or -1. */
void ss_world_trace(int shape, int n, const ss_lanes *origin, const ss_lanes *direction, float *distance);

/* The outward unit normals at points on the surface. */
void ss_world_normals(int shape, int n, const ss_lanes *point, ss_lanes *normal);

/* light[i]: the share of a light in direction i that reaches point i past the solid, 0 to 1; `size` is the tangent of
 * half the angle that the light fills. */
void ss_world_shadow(int shape, int n, const ss_lanes *point, const ss_lanes *direction, float size, float *light);

/* open[i]: the share of the sky over the unit normal i that the solid leaves to point i, 0 to 1. */
void ss_world_openness(int shape, int n, const ss_lanes *point, const ss_lanes *normal, float *open);

#endif
