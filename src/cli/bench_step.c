/* selfsup bench step [DATA]: a method's training step alone. */
#include "cli/bench.h"
#include "cli/json_output.h"
#include "engine/ways_cache.h"
#include "train/step_bench.h"

#include <stdio.h>

typedef struct figures {
  const ss_session *session;
  ss_step_times times;
  ss_profile profile;
} figures;

static ss_status print_table(const ss_session *session, const figures *f, ss_error *error) {
  const ss_settings *settings = session->config->settings;
  const ss_backbone_options *backbone = &session->task.backbone;
  printf("%s, %s width %d, %d px, batch %d, %s\n", session->config->method->name, backbone->arch, backbone->width,
         session->task.size, session->task.batch, ss_settings_text(settings, "precision"));
  printf("%.1f images/s (%.1f ms a step at the median, %.1f the least), %.0f MB of tensors\n\n", f->times.images_per_s,
         f->times.median_ms, f->times.least_ms, f->times.arena_mb);
  ss_text text = {0};
  const ss_status status = ss_profile_text(&f->profile, &text, error);
  if (status == SS_OK) {
    fputs(text.data, stdout);
  }
  ss_text_free(&text);
  return status;
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const figures *f = context;
  const ss_session *session = f->session;
  const ss_backbone_options *backbone = &session->task.backbone;
  SS_TRY(ss_json_add_string(json, "benchmark", "step", error));
  SS_TRY(ss_json_add_string(json, "method", session->config->method->name, error));
  SS_TRY(ss_json_add_string(json, "arch", backbone->arch, error));
  SS_TRY(ss_json_add_int(json, "width", backbone->width, error));
  SS_TRY(ss_json_add_int(json, "size", session->task.size, error));
  SS_TRY(ss_json_add_int(json, "batch", session->task.batch, error));
  SS_TRY(ss_json_add_float(json, "images_per_s", f->times.images_per_s, error));
  SS_TRY(ss_json_add_float(json, "step_ms", f->times.median_ms, error));
  SS_TRY(ss_json_add_float(json, "least_ms", f->times.least_ms, error));
  SS_TRY(ss_json_add_float(json, "arena_mb", f->times.arena_mb, error));
  return ss_profile_json(&f->profile, json, error);
}

static ss_status measure(ss_session *session, ss_config *config, int steps, figures *f, ss_error *error) {
  const ss_observer observer = {.note = ss_bench_note};
  SS_TRY(ss_ways_cache_load(config->ways, error));
  SS_TRY(ss_session_open(session, config, &observer, error));
  SS_TRY(ss_session_record(session, error));
  ss_ways_cache_save(config->ways);
  return ss_step_bench(session, steps, &f->times, &f->profile, error);
}

static ss_status run(const ss_arguments *arguments, ss_error *error) {
  int64_t steps = 0;
  SS_TRY(ss_arguments_int(arguments, "rounds", 1, 1000000, 10, &steps, error));
  const char *trace = ss_arguments_value(arguments, "trace", NULL);
  ss_config *config = NULL;
  SS_TRY(ss_bench_config(arguments, &config, error));
  ss_session session = {0};
  figures f = {.session = &session};
  ss_status status = measure(&session, config, (int)steps, &f, error);
  if (status == SS_OK) {
    status = print_table(&session, &f, error);
  }
  if (status == SS_OK && trace) {
    status = ss_profile_write_trace(&f.profile, trace, error);
  }
  if (status == SS_OK) {
    status = ss_json_output(arguments, fill_json, &f, error);
  }
  ss_session_close(&session);
  ss_config_free(config);
  return status;
}

const ss_benchmark ss_benchmark_step = {"step", run};
