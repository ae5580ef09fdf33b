#include "train/profile.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nodes of the same operation, or of the same operation, kernel and sizes; or a phase. Figures are of one step. */
typedef struct profile_row {
  const char *operation, *way, *sizes, *times;
  int64_t nodes;
  double seconds, flops, bytes;
  double limit; /* seconds at the machine's best: the larger of arithmetic and memory of each node; 0: not known */
} profile_row;

typedef struct profile_table {
  profile_row *rows;
  size_t count;
  double seconds, limit; /* of a step */
  int64_t runs;
} profile_table;

static const char *const phase_names[SS_PHASES] = {"wait for data", "fill inputs", "update of the weights"};

void ss_phase_end(ss_phase *phase, double begin) {
  phase->begin = begin;
  phase->last_time = ss_clock_seconds() - begin;
  phase->seconds += phase->last_time;
  phase->runs++;
}

void ss_profile_begin(ss_profile *profile, const ss_plan *plan, const ss_device *device, const ss_settings *settings) {
  const int threads = (int)ss_settings_int(settings, "threads");
  const bool tf32 = strcmp(ss_settings_text(settings, "precision"), "tf32") == 0;
  *profile = (ss_profile){.plan = plan, .peak = ss_peak_measure(device, tf32, threads), .threads = threads};
  if (ss_device_has_memory(device)) {
    snprintf(profile->on, sizeof profile->on, "%s", ss_device_describe(device));
  } else {
    snprintf(profile->on, sizeof profile->on, "%d thread%s", threads, threads == 1 ? "" : "s");
  }
}

static double node_limit(const ss_node_profile *node, const ss_peak *peak) {
  const double flops = node->bf16 ? peak->bf16_flops : peak->f32_flops;
  const double arithmetic = flops > 0.0 ? node->flops / flops : 0.0;
  const double memory = peak->bytes > 0.0 ? node->bytes / peak->bytes : 0.0;
  return arithmetic > memory ? arithmetic : memory;
}

static bool same_row(const profile_row *one, const profile_row *other, bool by_sizes) {
  return strcmp(one->operation, other->operation) == 0 &&
         (!by_sizes || (strcmp(one->way, other->way) == 0 && strcmp(one->sizes, other->sizes) == 0));
}

static void add_row(profile_table *table, const profile_row *added, bool by_sizes) {
  table->seconds += added->seconds;
  table->limit += added->limit;
  for (size_t k = 0; k < table->count; k++) {
    profile_row *there = &table->rows[k];
    if (same_row(there, added, by_sizes)) {
      there->nodes += added->nodes;
      there->seconds += added->seconds;
      there->flops += added->flops;
      there->bytes += added->bytes;
      there->limit += added->limit;
      return;
    }
  }
  table->rows[table->count++] = *added;
}

static int slowest_first(const void *a, const void *b) {
  const profile_row *x = a, *y = b;
  return (y->seconds > x->seconds) - (y->seconds < x->seconds);
}

static ss_status make_table(const ss_profile *profile, bool by_sizes, profile_table *table, ss_error *error) {
  const size_t nodes = ss_plan_node_count(profile->plan);
  *table = (profile_table){.runs = 1};
  SS_TRY(ss_alloc((void **)&table->rows, nodes + SS_PHASES, sizeof *table->rows, "the profile", error));
  for (size_t i = 0; i < nodes; i++) {
    const ss_node_profile node = ss_plan_profile(profile->plan, i);
    if (node.runs > 0) {
      add_row(table,
              &(profile_row){.operation = node.operation,
                             .way = node.way,
                             .sizes = node.sizes,
                             .times = node.times,
                             .nodes = 1,
                             .seconds = node.seconds / (double)node.runs,
                             .flops = node.flops,
                             .bytes = node.bytes,
                             .limit = node_limit(&node, &profile->peak)},
              by_sizes);
      table->runs = node.runs;
    }
  }
  for (int k = 0; k < SS_PHASES; k++) {
    const ss_phase *phase = &profile->phases[k];
    if (phase->runs > 0) {
      const double seconds = phase->seconds / (double)phase->runs;
      add_row(table,
              &(profile_row){.operation = phase_names[k], .way = "", .sizes = "", .times = "", .seconds = seconds},
              by_sizes);
    }
  }
  qsort(table->rows, table->count, sizeof *table->rows, slowest_first);
  return SS_OK;
}

/* "1234.5", or blanks where there is nothing to say. */
static void append_figure(ss_text *text, int width, const char *format, double value) {
  char figure[32] = "";
  if (value > 0.0) {
    snprintf(figure, sizeof figure, format, value);
  }
  ss_text_printf(text, " %*s", width, figure);
}

static void append_row(ss_text *text, const profile_row *row, double total, bool by_sizes) {
  ss_text_printf(text, "%9.2f %5.1f%%", 1e3 * row->seconds, total > 0.0 ? 100.0 * row->seconds / total : 0.0);
  append_figure(text, 5, "%.0f", (double)row->nodes);
  append_figure(text, 8, "%.0f", row->seconds > 0.0 ? 1e-9 * row->flops / row->seconds : 0.0);
  append_figure(text, 6, "%.1f", row->seconds > 0.0 ? 1e-9 * row->bytes / row->seconds : 0.0);
  append_figure(text, 6, "%.0f%%", row->seconds > 0.0 ? 100.0 * row->limit / row->seconds : 0.0);
  if (by_sizes) {
    ss_text_printf(text, "  %-27s %-9s %-28s%s%s", row->operation, row->way, row->sizes, *row->times ? "  " : "",
                   row->times);
    while (text->length > 0 && text->data[text->length - 1] == ' ') {
      text->data[--text->length] = '\0';
    }
    ss_text_append(text, "\n");
  } else {
    ss_text_printf(text, "  %s\n", row->operation);
  }
}

static ss_status append_table(const ss_profile *profile, bool by_sizes, ss_text *text, ss_error *error) {
  profile_table table;
  SS_TRY(make_table(profile, by_sizes, &table, error));
  if (!by_sizes) {
    ss_text_printf(text, "%.1f ms a step, the mean of %lld; at the machine's best %.1f ms\n", 1e3 * table.seconds,
                   (long long)table.runs, 1e3 * table.limit);
    ss_text_printf(text, "best measured, %s: bf16 %.0f GFLOP/s, float32 %.0f GFLOP/s, memory %.1f GB/s\n\n",
                   profile->on, 1e-9 * profile->peak.bf16_flops, 1e-9 * profile->peak.f32_flops,
                   1e-9 * profile->peak.bytes);
  }
  ss_text_printf(
      text, "%9s %6s %5s %8s %6s %6s  %s\n", "ms", "share", "nodes", "GFLOP/s", "GB/s", "best",
      by_sizes ? "operation                   kernel    sizes                         ms when chosen" : "operation");
  for (size_t i = 0; i < table.count; i++) {
    append_row(text, &table.rows[i], table.seconds, by_sizes);
  }
  free(table.rows);
  return ss_text_check(text, error);
}

ss_status ss_profile_text(const ss_profile *profile, ss_text *text, ss_error *error) {
  SS_TRY(append_table(profile, false, text, error));
  ss_text_append(text, "\n");
  SS_TRY(append_table(profile, true, text, error));
  ss_text_append(text,
                 "\nGFLOP/s count convolutions and matrix products; GB/s each tensor once; best: the share of the time "
                 "that the work\nwould take at the measured peak of arithmetic or memory, whichever takes longer.\n");
  return ss_text_check(text, error);
}

static ss_status add_row_json(cJSON *rows, const profile_row *row, ss_error *error) {
  cJSON *object = NULL;
  SS_TRY(ss_json_add_object(rows, NULL, &object, error));
  SS_TRY(ss_json_add_string(object, "operation", row->operation, error));
  SS_TRY(ss_json_add_string(object, "kernel", row->way, error));
  SS_TRY(ss_json_add_string(object, "sizes", row->sizes, error));
  SS_TRY(ss_json_add_string(object, "chosen_ms", row->times, error));
  SS_TRY(ss_json_add_int(object, "nodes", row->nodes, error));
  SS_TRY(ss_json_add_float(object, "ms", 1e3 * row->seconds, error));
  SS_TRY(ss_json_add_float(object, "gflop", 1e-9 * row->flops, error));
  SS_TRY(ss_json_add_float(object, "gb", 1e-9 * row->bytes, error));
  return ss_json_add_float(object, "best_ms", 1e3 * row->limit, error);
}

ss_status ss_profile_json(const ss_profile *profile, cJSON *json, ss_error *error) {
  cJSON *peak = NULL, *rows = NULL;
  SS_TRY(ss_json_add_object(json, "peak", &peak, error));
  SS_TRY(ss_json_add_float(peak, "bf16_gflop_per_s", 1e-9 * profile->peak.bf16_flops, error));
  SS_TRY(ss_json_add_float(peak, "f32_gflop_per_s", 1e-9 * profile->peak.f32_flops, error));
  SS_TRY(ss_json_add_float(peak, "memory_gb_per_s", 1e-9 * profile->peak.bytes, error));
  SS_TRY(ss_json_add_array(json, "operations", &rows, error));
  profile_table table;
  SS_TRY(make_table(profile, true, &table, error));
  ss_status status = SS_OK;
  for (size_t i = 0; i < table.count && status == SS_OK; i++) {
    status = add_row_json(rows, &table.rows[i], error);
  }
  free(table.rows);
  return status;
}

typedef struct trace_event {
  const char *name, *category;
  double begin, seconds;
} trace_event;

/* A "complete" event (ph X) of the trace event format; times in microseconds. */
static ss_status add_event(cJSON *events, const trace_event *event, double origin, cJSON **added, ss_error *error) {
  SS_TRY(ss_json_add_object(events, NULL, added, error));
  SS_TRY(ss_json_add_string(*added, "name", event->name, error));
  SS_TRY(ss_json_add_string(*added, "cat", event->category, error));
  SS_TRY(ss_json_add_string(*added, "ph", "X", error));
  SS_TRY(ss_json_add_float(*added, "ts", 1e6 * (event->begin - origin), error));
  SS_TRY(ss_json_add_float(*added, "dur", 1e6 * event->seconds, error));
  SS_TRY(ss_json_add_int(*added, "pid", 1, error));
  return ss_json_add_int(*added, "tid", 1, error);
}

static ss_status add_node_event(cJSON *events, const ss_node_profile *node, double origin, ss_error *error) {
  cJSON *object = NULL, *arguments = NULL;
  const trace_event event = {node->operation, "node", node->begin, node->last_time};
  SS_TRY(add_event(events, &event, origin, &object, error));
  SS_TRY(ss_json_add_object(object, "args", &arguments, error));
  SS_TRY(ss_json_add_string(arguments, "sizes", node->sizes, error));
  SS_TRY(ss_json_add_string(arguments, "kernel", node->way, error));
  SS_TRY(ss_json_add_string(arguments, "ms when chosen", node->times, error));
  const double seconds = node->last_time > 0.0 ? node->last_time : 1e-9;
  SS_TRY(ss_json_add_float(arguments, "GFLOP/s", 1e-9 * node->flops / seconds, error));
  return ss_json_add_float(arguments, "GB/s", 1e-9 * node->bytes / seconds, error);
}

static ss_status add_events(const ss_profile *profile, cJSON *events, ss_error *error) {
  const size_t nodes = ss_plan_node_count(profile->plan);
  double origin = 0.0;
  for (int k = SS_PHASES - 1; k >= 0; k--) { /* the first phase begins the step */
    origin = profile->phases[k].runs > 0 ? profile->phases[k].begin : origin;
  }
  for (size_t i = 0; i < nodes; i++) {
    const ss_node_profile node = ss_plan_profile(profile->plan, i);
    origin = node.runs > 0 && (origin == 0.0 || node.begin < origin) ? node.begin : origin;
  }
  for (int k = 0; k < SS_PHASES; k++) {
    const ss_phase *phase = &profile->phases[k];
    const trace_event event = {phase_names[k], "phase", phase->begin, phase->last_time};
    cJSON *added = NULL;
    if (phase->runs > 0) {
      SS_TRY(add_event(events, &event, origin, &added, error));
    }
  }
  for (size_t i = 0; i < nodes; i++) {
    const ss_node_profile node = ss_plan_profile(profile->plan, i);
    if (node.runs > 0) {
      SS_TRY(add_node_event(events, &node, origin, error));
    }
  }
  return SS_OK;
}

static ss_status make_trace(const ss_profile *profile, cJSON **json, ss_error *error) {
  SS_TRY(ss_json_new_object(json, error));
  cJSON *events = NULL;
  ss_status status = ss_json_add_string(*json, "displayTimeUnit", "ms", error);
  if (status == SS_OK) {
    status = ss_json_add_array(*json, "traceEvents", &events, error);
  }
  if (status == SS_OK) {
    status = add_events(profile, events, error);
  }
  if (status != SS_OK) {
    cJSON_Delete(*json);
    *json = NULL;
  }
  return status;
}

static ss_status write_text(const ss_profile *profile, const char *path, ss_error *error) {
  ss_text text = {0};
  ss_status status = ss_profile_text(profile, &text, error);
  if (status == SS_OK) {
    status = ss_file_write(path, text.data, text.length, SS_FILE_UNSYNCED, error);
  }
  ss_text_free(&text);
  return status;
}

ss_status ss_profile_write_trace(const ss_profile *profile, const char *path, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(make_trace(profile, &json, error));
  const ss_status status = ss_json_write(path, json, error);
  cJSON_Delete(json);
  return status;
}

static ss_status write_json(const ss_profile *profile, const char *path, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = ss_json_add_string(json, "on", profile->on, error);
  status = status ? status : ss_json_add_int(json, "threads", profile->threads, error);
  status = status ? status : ss_profile_json(profile, json, error);
  status = status ? status : ss_json_write(path, json, error);
  cJSON_Delete(json);
  return status;
}

ss_status ss_profile_write(const ss_profile *profile, const char *out, ss_error *error) {
  char *text = NULL, *rows = NULL, *trace = NULL;
  ss_status status = ss_run_path(out, "profile.txt", &text, error);
  if (status == SS_OK) {
    status = ss_run_path(out, "profile.json", &rows, error);
  }
  if (status == SS_OK) {
    status = ss_run_path(out, "trace.json", &trace, error);
  }
  if (status == SS_OK) {
    status = write_text(profile, text, error);
  }
  if (status == SS_OK) {
    status = write_json(profile, rows, error);
  }
  if (status == SS_OK) {
    status = ss_profile_write_trace(profile, trace, error);
  }
  free(text);
  free(rows);
  free(trace);
  return status;
}
