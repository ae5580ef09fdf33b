/* Where a training step's time goes: by operation and sizes, beside what this machine could do. */
#ifndef SS_TRAIN_PROFILE_H
#define SS_TRAIN_PROFILE_H

#include "base/json.h"
#include "engine/peak.h"
#include "engine/plan.h"
#include "methods/option.h"

/* What a step does besides running its plan. */
typedef enum ss_phase_kind {
  SS_PHASE_WAIT,   /* for the loader */
  SS_PHASE_FILL,   /* views into the graph's inputs */
  SS_PHASE_UPDATE, /* the optimiser */
  SS_PHASES
} ss_phase_kind;

typedef struct ss_phase {
  double seconds; /* summed over runs */
  int64_t runs;
  double begin, last_time; /* of the last run */
} ss_phase;

/* The phase that began at `begin` (ss_clock_seconds) ends now. */
void ss_phase_end(ss_phase *phase, double begin);

typedef struct ss_profile {
  const ss_plan *plan; /* profiled: ss_plan_enable_profile */
  ss_phase phases[SS_PHASES];
  ss_peak peak;
  char on[320]; /* what computes: "2 threads", or a GPU's name */
  int threads;
} ss_profile;

/* A profile of a session's plan, with the peak of what computes it measured: its phases are empty. */
void ss_profile_begin(ss_profile *profile, const ss_plan *plan, const ss_device *device, const ss_settings *settings);

/* The table for people: first by operation, then by operation, kernel and sizes, the slowest first. */
ss_status ss_profile_text(const ss_profile *profile, ss_text *text, ss_error *error);
/* The same rows for programs, into `json`. */
ss_status ss_profile_json(const ss_profile *profile, cJSON *json, ss_error *error);
/* Writes the last step as Chrome's trace events (chrome://tracing, Perfetto). */
ss_status ss_profile_write_trace(const ss_profile *profile, const char *path, ss_error *error);

/* Writes OUT/profile.txt, the same as OUT/profile.json, and OUT/trace.json. */
ss_status ss_profile_write(const ss_profile *profile, const char *out, ss_error *error);

#endif
