#include "train/trainer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"
#include "nets/model.h"
#include "train/prelude.h"
#include "train/profile.h"
#include "train/schedule.h"
#include "train/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { warm_steps = 3 }; /* left out of the steady state */

/* What a call of ss_train measures. */
typedef struct step_meter {
  double start;         /* of the call */
  double *step_seconds; /* of each step so far */
  size_t count, capacity;
  double loss_sum; /* since the last report */
  int64_t loss_count;
  double last_loss; /* the last report's mean */
  double report_start, report_wait, total_wait, busy;
  ss_phase phases[SS_PHASES];
} step_meter;

static ss_status add_step(step_meter *meter, double seconds, ss_error *error) {
  if (meter->count == meter->capacity) {
    const size_t capacity = meter->capacity ? 2 * meter->capacity : 1024;
    double *bigger = realloc(meter->step_seconds, capacity * sizeof *bigger);
    if (!bigger) {
      return ss_fail_memory(error, capacity * sizeof *bigger, "the step times");
    }
    meter->step_seconds = bigger;
    meter->capacity = capacity;
  }
  meter->step_seconds[meter->count++] = seconds;
  meter->busy += seconds;
  return SS_OK;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static ss_status save(ss_session *session, const char *out, ss_error *error) {
  SS_TRY(ss_parameters_settle(session->parameters, error));
  for (int p = 0; p < session->player_count; p++) {
    SS_TRY(ss_optimizer_settle(session->optimizers[p], error));
  }
  const ss_run_state state = ss_session_state(session);
  SS_TRY(ss_checkpoint_write(out, &state, error));
  char *path = NULL;
  SS_TRY(ss_run_path(out, "backbone.safetensors", &path, error));
  const ss_status status =
      ss_model_write(path, session->parameters, "backbone.", &session->task.backbone, SS_STORED_F32, error);
  free(path);
  return status;
}

/* What a method does at the start of an epoch: no part of the speed that is shown while it runs. */
static ss_status begin_epoch(ss_session *session, step_meter *meter, int64_t epoch, ss_error *error) {
  ss_task *task = &session->task;
  const double begin = ss_clock_seconds();
  task->renewed = NULL;
  SS_TRY(ss_parameters_settle(session->parameters, error));
  SS_TRY(session->config->method->before_epoch(task, session->parameters, epoch, error));
  for (int p = 0; p < session->player_count && task->renewed; p++) {
    SS_TRY(ss_optimizer_forget(session->optimizers[p], task->renewed, error));
  }
  meter->report_start += ss_clock_seconds() - begin;
  return SS_OK;
}

/* One update: `accumulate` batches through each player in turn. */
static ss_status update(ss_session *session, step_meter *meter, double rate, ss_error *error) {
  const ss_method *method = session->config->method;
  const int64_t batches_per_epoch = (int64_t)session->train.count / session->task.batch;
  for (int k = 0; k < session->accumulate; k++) {
    if (method->before_epoch && session->batches % batches_per_epoch == 0) {
      SS_TRY(begin_epoch(session, meter, session->batches / batches_per_epoch, error));
    }
    ss_batch batch = {0};
    double begin = ss_clock_seconds();
    SS_TRY(ss_loader_next(session->loader, &batch, error));
    ss_phase_end(&meter->phases[SS_PHASE_WAIT], begin);
    for (int p = 0; p < session->player_count; p++) {
      const ss_recorded *player = &session->players[p];
      begin = ss_clock_seconds();
      SS_TRY(ss_session_fill_player(session, p, &batch, error));
      ss_phase_end(&meter->phases[SS_PHASE_FILL], begin);
      SS_TRY(ss_plan_run(player->plan, (uint64_t)session->batches, error));
      const float loss = *(const float *)ss_plan_data(player->plan, player->build.losses[p]);
      if (!isfinite(loss)) {
        return ss_fail(error, SS_FAILED,
                       "the loss became %f at step %lld; the last checkpoint is kept; try a smaller --lr", (double)loss,
                       (long long)session->step + 1);
      }
      meter->loss_sum += loss;
      begin = ss_clock_seconds();
      const double factor = method->player_rates[p] > 0.0 ? method->player_rates[p] : 1.0;
      SS_TRY(
          ss_optimizer_step(session->optimizers[p], player->plan, (float)(rate * factor), session->accumulate, error));
      ss_phase_end(&meter->phases[SS_PHASE_UPDATE], begin);
    }
    meter->loss_count++;
    session->batches++;
    const ss_recorded *first = &session->players[0];
    if (method->after_batch) {
      SS_TRY(method->after_batch(&session->task, session->parameters, ss_plan_data(first->plan, first->build.carried),
                                 error));
    }
  }
  session->step++;
  return method->after_step ? method->after_step(&session->task, session->parameters, session->step, error) : SS_OK;
}

static ss_status add_number(cJSON *line, const char *name, double value, ss_error *error) {
  return isnan(value) ? SS_OK : ss_json_add_float(line, name, value, error);
}

/* What a method reports of the last step and, where it was measured, of the held-out samples. */
static ss_status add_reports(const ss_session *session, cJSON *line, const ss_held_scores *held, ss_error *error) {
  const ss_recorded *first = &session->players[0];
  for (int i = 0; i < first->build.report_count; i++) {
    const ss_report *report = &first->build.reports[i];
    SS_TRY(add_number(line, report->name, *(const float *)ss_plan_data(first->plan, report->value), error));
  }
  for (int i = 0; held && i < session->evaluation.build.report_count; i++) {
    char name[80];
    snprintf(name, sizeof name, "held_out.%s", session->evaluation.build.reports[i].name);
    SS_TRY(add_number(line, name, held->reports[i], error));
  }
  return SS_OK;
}

/* Each player's own loss of the last step. */
static ss_status add_players(const ss_session *session, cJSON *line, ss_error *error) {
  if (session->player_count == 1) {
    return SS_OK;
  }
  cJSON *list = NULL;
  SS_TRY(ss_json_add_array(line, "player_losses", &list, error));
  for (int p = 0; p < session->player_count; p++) {
    const ss_recorded *player = &session->players[p];
    SS_TRY(ss_json_add_float(list, NULL, *(const float *)ss_plan_data(player->plan, player->build.losses[p]), error));
  }
  return SS_OK;
}

/* `held` is NULL where nothing was measured. */
static ss_status fill_line(const ss_session *session, cJSON *line, const ss_progress *progress,
                           const ss_held_scores *held, double knn, ss_error *error) {
  SS_TRY(ss_json_add_int(line, "step", progress->step, error));
  const struct {
    const char *name;
    double value;
  } numbers[] = {{"epoch", progress->epoch},
                 {"loss", progress->loss},
                 {"lr", progress->rate},
                 {"images_per_s", progress->images_per_s},
                 {"data_wait_fraction", progress->data_wait_fraction},
                 {"spread", progress->spread},
                 {"pretext", held ? held->score : NAN},
                 {"chance", held && !isnan(held->score) ? held->chance : NAN},
                 {"knn", knn}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    SS_TRY(add_number(line, numbers[i].name, numbers[i].value, error));
  }
  SS_TRY(add_players(session, line, error));
  return add_reports(session, line, held, error);
}

static ss_status log_line(const ss_session *session, ss_metrics *metrics, const ss_progress *progress,
                          const ss_held_scores *held, double knn, ss_error *error) {
  cJSON *line = NULL;
  SS_TRY(ss_json_new_object(&line, error));
  ss_status status = fill_line(session, line, progress, held, knn, error);
  if (status == SS_OK) {
    status = ss_metrics_append(metrics, line, error);
  }
  cJSON_Delete(line);
  return status;
}

/* What is known since the last report; starts the next stretch. */
static ss_progress take_progress(ss_session *session, step_meter *meter, double rate) {
  const double now = ss_clock_seconds(), elapsed = now - meter->report_start;
  const double wait = ss_loader_wait_seconds(session->loader);
  const double images = (double)meter->loss_count * session->task.batch;
  ss_progress progress = {.step = session->step,
                          .steps = session->steps,
                          .epoch = (double)session->step / (double)session->steps_per_epoch,
                          .loss = meter->loss_count ? meter->loss_sum / (double)meter->loss_count : NAN,
                          .rate = rate,
                          .images_per_s = elapsed > 0.0 ? images / elapsed : 0.0,
                          .data_wait_fraction = elapsed > 0.0 ? (wait - meter->report_wait) / elapsed : 0.0,
                          .spread = ss_session_spread(session)};
  const double left = (double)(session->steps - session->step) * session->accumulate;
  progress.seconds_left = meter->loss_count ? left * elapsed / (double)meter->loss_count : 0.0;
  if (meter->loss_count) {
    meter->last_loss = progress.loss;
  }
  meter->report_start = now;
  meter->report_wait = wait;
  meter->loss_sum = 0.0;
  meter->loss_count = 0;
  return progress;
}

static void watch_collapse(ss_session *session, const ss_progress *progress, bool *told) {
  if (!isnan(progress->spread) && progress->spread < 0.05 && !*told) {
    ss_session_note(session, "collapsed: all embeddings are nearly the same (spread %.3f of 1) at step %lld",
                    progress->spread, (long long)progress->step);
    *told = true;
  }
}

static void tell_scores(const ss_session *session, const ss_held_scores *held) {
  const ss_score *what = &session->config->method->score;
  const ss_build *build = &session->evaluation.build;
  if (isnan(held->score)) {
    return;
  }
  ss_text line = {0};
  ss_text_printf(&line, "step %lld: %s: %.4g%s", (long long)session->step, what->what, held->score,
                 what->per_cent ? " %" : "");
  if (!isnan(held->chance)) {
    ss_text_printf(&line, " (chance %.4g)", held->chance);
  }
  for (int i = 0; i < build->report_count; i++) {
    ss_text_printf(&line, ", %s %.4g", build->reports[i].name, held->reports[i]);
  }
  if (ss_text_check(&line, NULL) == SS_OK) {
    ss_session_note(session, "%s", line.data);
  }
  ss_text_free(&line);
}

/* The pretext score, and k-NN where the caller measures it. */
static ss_status check(ss_session *session, ss_held_scores *held, double *knn, ss_error *error) {
  *knn = NAN;
  SS_TRY(ss_session_score(session, held, error));
  const ss_observer *observer = session->observer;
  const bool wanted = ss_settings_int(session->config->settings, "knn-every") > 0;
  if (wanted && observer->measure && session->task.classes > 0) {
    SS_TRY(ss_parameters_settle(session->parameters, error));
    SS_TRY(observer->measure(observer->context, session->parameters, &session->task.backbone, knn, error));
  }
  tell_scores(session, held);
  if (!isnan(*knn)) {
    ss_session_note(session, "step %lld: k-NN accuracy of the backbone: %.2f %%", (long long)session->step, *knn);
  }
  return SS_OK;
}

static ss_status loop(ss_session *session, const ss_train_request *request, ss_metrics *metrics, step_meter *meter,
                      ss_held_scores *held, ss_error *error) {
  const ss_settings *settings = session->config->settings;
  const int64_t save_every = ss_settings_int(settings, "save-every"),
                log_every = ss_settings_int(settings, "log_every");
  const int64_t check_every = ss_settings_int(settings, "knn-every") * session->steps_per_epoch;
  int64_t saved_at = session->step;
  bool collapsed = false;
  char name[32];
  meter->report_start = ss_clock_seconds();
  meter->report_wait = ss_loader_wait_seconds(session->loader);
  while (session->step < session->steps) {
    const double rate = ss_schedule_rate(settings, session->step, session->steps, session->steps_per_epoch);
    const double start = ss_clock_seconds(), waited = ss_loader_wait_seconds(session->loader);
    SS_TRY(update(session, meter, rate, error));
    meter->total_wait += ss_loader_wait_seconds(session->loader) - waited;
    SS_TRY(add_step(meter, ss_clock_seconds() - start, error));
    const bool last = session->step == session->steps;
    const bool due = last || (check_every > 0 && session->step % check_every == 0);
    const bool stop =
        !last && request->observer.should_stop && request->observer.should_stop(request->observer.context);
    if (due || session->step % log_every == 0 || session->step == 1) {
      const ss_progress progress = take_progress(session, meter, rate);
      watch_collapse(session, &progress, &collapsed);
      if (request->observer.progress) {
        request->observer.progress(request->observer.context, &progress);
      }
      double knn = NAN;
      if (due) {
        SS_TRY(check(session, held, &knn, error));
      }
      SS_TRY(log_line(session, metrics, &progress, due ? held : NULL, knn, error));
    }
    if (session->step == 1 || due) {
      snprintf(name, sizeof name, "step-%07lld", (long long)session->step);
      SS_TRY(ss_session_picture(session, request->out, name, metrics, error));
      SS_TRY(ss_parameters_settle(session->parameters, error));
      SS_TRY(ss_metrics_weights(metrics, session->step, session->parameters, error));
    }
    if (last || stop || session->step - saved_at >= save_every) {
      SS_TRY(save(session, request->out, error));
      saved_at = session->step;
    }
    if (due || session->step - saved_at == 0) { /* checks and checkpoints are not part of the next stretch's speed */
      meter->report_start = ss_clock_seconds();
      meter->report_wait = ss_loader_wait_seconds(session->loader);
      meter->loss_sum = 0.0;
      meter->loss_count = 0;
    }
    if (stop) {
      return ss_fail(error, SS_INTERRUPTED, "stopped at step %lld of %lld; go on with --resume --out %s",
                     (long long)session->step, (long long)session->steps, request->out);
    }
  }
  return SS_OK;
}

static void fill_result(const ss_session *session, const step_meter *meter, const ss_held_scores *held,
                        ss_train_result *result) {
  const double images = (double)session->task.batch * session->accumulate;
  *result = (ss_train_result){.steps = session->step,
                              .epochs = (double)session->step / (double)session->steps_per_epoch,
                              .images_seen = session->batches * session->task.batch,
                              .loss = meter->last_loss,
                              .score = held->score,
                              .chance = held->chance,
                              .seconds = ss_clock_seconds() - meter->start,
                              .peak_rss_mb = ss_system_peak_rss_mb()};
  if (meter->count == 0) {
    return;
  }
  const size_t first = meter->count > warm_steps ? warm_steps : 0;
  double sum = 0.0;
  for (size_t i = first; i < meter->count; i++) {
    sum += meter->step_seconds[i];
  }
  result->images_per_s = sum > 0.0 ? images * (double)(meter->count - first) / sum : 0.0;
  result->data_wait_fraction = meter->busy > 0.0 ? meter->total_wait / meter->busy : 0.0;
  qsort(meter->step_seconds + first, meter->count - first, sizeof(double), by_value);
  result->step_ms = 1e3 * meter->step_seconds[first + (meter->count - first) / 2];
}

/* A new run, or the state of the one to go on with. */
static ss_status prepare(ss_session *session, const ss_train_request *request, bool *had_checkpoint, ss_error *error) {
  char *config_path = NULL;
  SS_TRY(ss_run_path(request->out, "config.json", &config_path, error));
  *had_checkpoint = request->resume && ss_run_has_checkpoint(request->out);
  ss_status status = SS_OK;
  if (*had_checkpoint) {
    ss_config *before = NULL;
    status = ss_config_read(config_path, &before, error);
    if (status == SS_OK) {
      status = ss_resume_merge(request->config, before, error);
    }
    ss_config_free(before);
  } else if (!request->resume) {
    status = ss_run_check_new(request->out, error);
  }
  if (status == SS_OK) {
    status = ss_session_open(session, request->config, &request->observer, error);
  }
  if (status == SS_OK) {
    status = ss_session_record(session, error);
  }
  if (status == SS_OK && *had_checkpoint) {
    ss_run_state state = ss_session_state(session);
    status = ss_checkpoint_read(request->out, &state, error);
    session->step = state.step;
    session->batches = state.batches;
  }
  if (status == SS_OK) { /* not before: a run that cannot begin leaves nothing behind */
    status = ss_run_create(request->out, error);
  }
  if (status == SS_OK) {
    status = ss_config_write(request->config, config_path, error);
  }
  if (status == SS_OK && request->observer.planned) {
    request->observer.planned(request->observer.context, request->config);
  }
  free(config_path);
  return status;
}

static ss_status write_profile(const ss_session *session, const ss_train_request *request, const step_meter *meter,
                               ss_error *error) {
  ss_profile profile;
  ss_profile_begin(&profile, session->players[0].plan, session->device, session->config->settings);
  memcpy(profile.phases, meter->phases, sizeof profile.phases);
  return ss_profile_write(&profile, request->out, error);
}

static ss_status run(ss_session *session, const ss_train_request *request, step_meter *meter, ss_held_scores *held,
                     ss_error *error) {
  if (session->config->method->untrained) {
    return save(session, request->out, error);
  }
  if (request->profile) {
    ss_plan_enable_profile(session->players[0].plan, true);
  }
  SS_TRY(ss_session_start_loader(session, SS_LOADER_CACHE_BYTES, error));
  ss_metrics *metrics = NULL;
  SS_TRY(ss_metrics_open(request->out, session->step, &metrics, error));
  const ss_status status = loop(session, request, metrics, meter, held, error);
  ss_metrics_close(metrics);
  if (request->profile && (status == SS_OK || status == SS_INTERRUPTED)) {
    SS_TRY(write_profile(session, request, meter, error));
  }
  return status;
}

ss_status ss_train(const ss_train_request *request, ss_train_result *result, ss_error *error) {
  step_meter meter = {.start = ss_clock_seconds(), .last_loss = NAN};
  ss_session session = {0};
  ss_held_scores held = {.score = NAN, .chance = NAN};
  bool had_checkpoint = false;
  memset(result, 0, sizeof *result);
  ss_status status = ss_prelude(request, error);
  if (status == SS_OK) {
    status = prepare(&session, request, &had_checkpoint, error);
  }
  if (status == SS_OK && had_checkpoint && session.step >= session.steps) {
    result->finished_before = true;
    status = ss_session_score(&session, &held, error);
  } else if (status == SS_OK) {
    status = run(&session, request, &meter, &held, error);
  }
  if (session.config && (status == SS_OK || status == SS_INTERRUPTED)) {
    const bool finished_before = result->finished_before;
    fill_result(&session, &meter, &held, result);
    result->finished_before = finished_before;
  }
  ss_session_close(&session);
  free(meter.step_seconds);
  return status;
}
