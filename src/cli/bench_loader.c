/* selfsup bench loader DATA: the training loader alone, with a method's views. */
#include "base/clock.h"
#include "cli/bench.h"
#include "cli/json_output.h"
#include "train/session.h"

#include <stdio.h>

enum { warm_batches = 2 };

typedef struct figures {
  const ss_session *session;
  int64_t pictures, views; /* loaded in `seconds` */
  double seconds;
  double read, decode, make; /* microseconds of a thread for a picture */
} figures;

/* Loads batches until `images` pictures have come; the first ones, while threads start, are not counted. */
static ss_status measure(ss_session *session, int64_t images, figures *out, ss_error *error) {
  ss_batch batch = {0};
  ss_loader_times before, after;
  for (int i = 0; i < warm_batches; i++) {
    SS_TRY(ss_loader_next(session->loader, &batch, error));
  }
  ss_loader_take_times(session->loader, &before);
  const double start = ss_clock_seconds();
  while (out->pictures < images) {
    SS_TRY(ss_loader_next(session->loader, &batch, error));
    out->pictures += batch.count;
  }
  out->seconds = ss_clock_seconds() - start;
  ss_loader_take_times(session->loader, &after);
  const ss_task *task = &session->task;
  for (int i = 0; i < task->input_count; i++) { /* labels are inputs too, of a single number */
    out->views += task->inputs[i].shape.rank > 0 ? out->pictures * task->inputs[i].views : 0;
  }
  const double made = (double)(after.pictures - before.pictures);
  out->read = 1e6 * (after.read - before.read) / made;
  out->decode = 1e6 * (after.decode - before.decode) / made;
  out->make = 1e6 * (after.make - before.make) / made;
  return SS_OK;
}

static void print_table(const ss_session *session, const figures *f) {
  const ss_config *config = session->config;
  printf("%s views of %d px from %s (%s), batch %d, %d threads\n\n", config->method->name, session->task.size,
         config->data, ss_source_kind_name(session->source), session->task.batch, session->worker_count);
  printf("%10.1f  pictures/s\n%10.1f  views/s\n", (double)f->pictures / f->seconds, (double)f->views / f->seconds);
  printf("%10.1f  us of a core a picture:\n", f->read + f->decode + f->make);
  printf("%10.1f    read\n%10.1f    decode\n%10.1f    views\n", f->read, f->decode, f->make);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const figures *f = context;
  const ss_session *session = f->session;
  SS_TRY(ss_json_add_string(json, "benchmark", "loader", error));
  SS_TRY(ss_json_add_string(json, "method", session->config->method->name, error));
  SS_TRY(ss_json_add_int(json, "size", session->task.size, error));
  SS_TRY(ss_json_add_int(json, "batch", session->task.batch, error));
  SS_TRY(ss_json_add_int(json, "threads", session->worker_count, error));
  SS_TRY(ss_json_add_int(json, "images", f->pictures, error));
  SS_TRY(ss_json_add_float(json, "images_per_s", (double)f->pictures / f->seconds, error));
  SS_TRY(ss_json_add_float(json, "views_per_s", (double)f->views / f->seconds, error));
  SS_TRY(ss_json_add_float(json, "read_us", f->read, error));
  SS_TRY(ss_json_add_float(json, "decode_us", f->decode, error));
  return ss_json_add_float(json, "views_us", f->make, error);
}

static ss_status run(const ss_arguments *arguments, ss_error *error) {
  int64_t images = 0;
  SS_TRY(ss_arguments_int(arguments, "images", 1, 1000000000, 4096, &images, error));
  ss_config *config = NULL;
  SS_TRY(ss_bench_config(arguments, &config, error));
  const ss_observer observer = {.note = ss_bench_note};
  ss_session session = {0};
  figures f = {.session = &session};
  ss_status status = ss_session_open(&session, config, &observer, error);
  if (status == SS_OK) {
    status = ss_session_start_loader(&session, 0, error);
  }
  if (status == SS_OK) {
    status = measure(&session, images, &f, error);
  }
  if (status == SS_OK) {
    print_table(&session, &f);
    status = ss_json_output(arguments, fill_json, &f, error);
  }
  ss_session_close(&session);
  ss_config_free(config);
  return status;
}

const ss_benchmark ss_benchmark_loader = {"loader", run};
