/* What a run is measured by while it goes on: the pretext score on held-out samples, and the spread of embeddings. */
#include "train/session.h"

#include <math.h>
#include <stdlib.h>

static double scalar_of(const ss_recorded *recorded, const ss_tensor *tensor) {
  return tensor ? *(const float *)ss_plan_data(recorded->plan, tensor) : NAN;
}

/* Adds the values of one batch. */
static void add_scores(const ss_recorded *evaluation, ss_held_scores *sums) {
  sums->score += scalar_of(evaluation, evaluation->build.score);
  sums->chance += scalar_of(evaluation, evaluation->build.chance);
  for (int i = 0; i < evaluation->build.report_count; i++) {
    sums->reports[i] += scalar_of(evaluation, evaluation->build.reports[i].value);
  }
}

static ss_status sum_scores(ss_session *session, ss_loader *loader, ss_held_scores *sums, int64_t *batches,
                            ss_error *error) {
  for (ss_batch batch = {0};; (*batches)++) {
    SS_TRY(ss_loader_next(loader, &batch, error));
    if (batch.count == 0) {
      return SS_OK;
    }
    ss_session_fill(&session->held_task, &session->evaluation, &batch);
    SS_TRY(ss_plan_run(session->evaluation.plan, 0, error));
    add_scores(&session->evaluation, sums);
  }
}

ss_status ss_session_score(ss_session *session, ss_held_scores *scores, ss_error *error) {
  const ss_score *what = &session->config->method->score;
  *scores = (ss_held_scores){.score = NAN, .chance = what->chance ? what->chance(&session->held_task) : NAN};
  for (int i = 0; i < SS_MAX_REPORTS; i++) {
    scores->reports[i] = NAN;
  }
  if (!session->evaluation.plan) {
    return SS_OK;
  }
  ss_loader_options options = ss_session_loader_options(session, true);
  options.samples = session->held.samples;
  options.count = session->held.count;
  options.batch = (uint32_t)session->held_task.batch;
  options.drop_last = true;
  options.end_epoch = 1;
  options.cache_bytes = 0;
  ss_loader *loader = NULL;
  SS_TRY(ss_session_make_workers(session, error));
  SS_TRY(ss_loader_create(&options, &loader, error));
  ss_held_scores sums = {0};
  int64_t batches = 0;
  const ss_status status = sum_scores(session, loader, &sums, &batches, error);
  ss_loader_free(loader);
  if (status == SS_OK && batches > 0) {
    const double scale = (what->per_cent ? 100.0 : 1.0) / (double)batches;
    scores->score = sums.score * scale;
    if (session->evaluation.build.chance) {
      scores->chance = sums.chance * scale;
    }
    for (int i = 0; i < session->evaluation.build.report_count; i++) {
      scores->reports[i] = sums.reports[i] / (double)batches;
    }
  }
  return status;
}

double ss_session_spread(const ss_session *session) {
  const ss_recorded *recorded = &session->players[0];
  const ss_tensor *embeddings = recorded->build.embeddings;
  if (!embeddings || !recorded->plan) {
    return NAN;
  }
  const int64_t rows = ss_tensor_dim(embeddings, 0), dims = ss_tensor_dim(embeddings, 1);
  const float *values = ss_plan_data(recorded->plan, embeddings);
  double *sums = calloc((size_t)(2 * dims), sizeof *sums);
  if (!sums) {
    return NAN;
  }
  for (int64_t i = 0; i < rows; i++) {
    double square = 0.0;
    for (int64_t d = 0; d < dims; d++) {
      square += (double)values[i * dims + d] * values[i * dims + d];
    }
    const double scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    for (int64_t d = 0; d < dims; d++) {
      const double z = values[i * dims + d] * scale;
      sums[d] += z;
      sums[dims + d] += z * z;
    }
  }
  double spread = 0.0;
  for (int64_t d = 0; d < dims; d++) {
    const double mean = sums[d] / (double)rows, variance = sums[dims + d] / (double)rows - mean * mean;
    spread += variance > 0.0 ? sqrt(variance) : 0.0;
  }
  free(sums);
  return spread / (double)dims * sqrt((double)dims);
}
