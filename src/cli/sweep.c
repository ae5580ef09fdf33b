/* selfsup sweep FILE (Revisiting Self-Supervised Visual Representation Learning. Kolesnikov, Zhai, Beyer. CVPR 2019) */
#include "base/file.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/child.h"
#include "cli/sweep_file.h"
#include "cli/sweep_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_flag flags[] = {
    {"table", 0, NULL, "run nothing, print what is there"}, {"help", 'h', NULL, "this text"}, {0}};

enum { most_words = 256 };

/* The words of a command line, ended by NULL. */
typedef struct command_line {
  const char *words[most_words + 1];
  size_t count;
  char *owned[most_words];
  size_t owned_count;
} command_line;

static void drop_words(command_line *line) {
  for (size_t i = 0; i < line->owned_count; i++) {
    free(line->owned[i]);
  }
  memset(line, 0, sizeof *line);
}

static ss_status add_word(command_line *line, const char *word, ss_error *error) {
  if (line->count == most_words) {
    return ss_fail(error, SS_USAGE, "more than %d words of options", most_words);
  }
  line->words[line->count++] = word;
  return SS_OK;
}

static ss_status add_words(command_line *line, const char *const *words, ss_error *error) {
  for (; *words; words++) {
    SS_TRY(add_word(line, *words, error));
  }
  return SS_OK;
}

/* "prefix" and the text of `format`, as one word that the line owns. */
static ss_status own_word(command_line *line, ss_text *text, ss_error *error) {
  char *word = NULL;
  SS_TRY(ss_text_finish(text, &word, error));
  if (line->owned_count == most_words) {
    free(word);
    return ss_fail(error, SS_USAGE, "more than %d words of options", most_words);
  }
  line->owned[line->owned_count++] = word;
  return add_word(line, word, error);
}

/* Each option of an object as --set KEY=VALUE. */
static ss_status add_settings(command_line *line, const cJSON *settings, ss_error *error) {
  const cJSON *item = NULL;
  cJSON_ArrayForEach(item, settings) {
    char *value = NULL;
    SS_TRY(ss_sweep_value(item, &value, error));
    ss_text text = {0};
    ss_text_printf(&text, "%s=%s", item->string, value);
    free(value);
    SS_TRY(add_word(line, "--set", error));
    SS_TRY(own_word(line, &text, error));
  }
  return SS_OK;
}

/* Each option of an object as --KEY VALUE; of a list of names, where there is one, those alone. */
static ss_status add_options(command_line *line, const cJSON *options, const char *const *known, ss_error *error) {
  const cJSON *item = NULL;
  cJSON_ArrayForEach(item, options) {
    bool wanted = !known;
    for (size_t i = 0; known && known[i] && !wanted; i++) {
      wanted = strcmp(known[i], item->string) == 0;
    }
    if (wanted) {
      char *value = NULL;
      SS_TRY(ss_sweep_value(item, &value, error));
      ss_text name = {0}, text = {0};
      ss_text_printf(&name, "--%s", item->string);
      ss_text_append(&text, value);
      free(value);
      SS_TRY(own_word(line, &name, error));
      SS_TRY(own_word(line, &text, error));
    }
  }
  return SS_OK;
}

static ss_status add_number(command_line *line, const char *option, int64_t number, ss_error *error) {
  ss_text text = {0};
  ss_text_printf(&text, "%lld", (long long)number);
  SS_TRY(add_word(line, option, error));
  return own_word(line, &text, error);
}

/* ---- one run's three commands ---- */

static ss_status pretrain_line(const ss_sweep *sweep, const ss_sweep_run *run, command_line *line, ss_error *error) {
  const char *const words[] = {"pretrain", run->method, sweep->data, "--out",   run->folder,
                               "--resume", "--json",    "--arch",    run->arch, NULL};
  SS_TRY(add_words(line, words, error));
  SS_TRY(add_number(line, "--width", run->width, error));
  SS_TRY(add_number(line, "--seed", run->seed, error));
  SS_TRY(add_settings(line, sweep->pretrain, error));
  return add_settings(line, run->settings, error);
}

static ss_status measure_line(const ss_sweep *sweep, const ss_sweep_run *run, const char *command, command_line *line,
                              ss_error *error) {
  static const char *const shared[] = {"limit", "size", "batch", "threads", "max-bad", NULL};
  const bool probe = strcmp(command, "probe") == 0;
  const char *const words[] = {command, run->folder, sweep->data, "--json", NULL};
  SS_TRY(add_words(line, words, error));
  if (probe) {
    const char *const more[] = {"--layers", "all", "--alone", NULL};
    SS_TRY(add_words(line, more, error));
  }
  if (*sweep->test) {
    const char *const more[] = {"--test", sweep->test, NULL};
    SS_TRY(add_words(line, more, error));
  }
  SS_TRY(add_number(line, "--seed", run->seed, error));
  return add_options(line, sweep->probe, probe ? NULL : shared, error);
}

/* What `command` found for the run: from RUN/sweep-COMMAND.json, else, unless nothing is to be made, by running it.
 * *json NULL: it is not there. */
static ss_status obtain(const ss_sweep *sweep, const ss_sweep_run *run, const char *command, bool make, cJSON **json,
                        ss_error *error) {
  *json = NULL;
  ss_text name = {0};
  char *path = NULL;
  ss_text_printf(&name, "%s/sweep-%s.json", run->folder, command);
  SS_TRY(ss_text_finish(&name, &path, error));
  command_line line = {.count = 0};
  ss_status status = SS_OK;
  if (ss_file_exists(path)) {
    status = ss_json_read(json, path, (size_t)1 << 20, error);
  } else if (make) {
    status = strcmp(command, "pretrain") == 0 ? pretrain_line(sweep, run, &line, error)
                                              : measure_line(sweep, run, command, &line, error);
    if (status == SS_OK) {
      status = ss_child_run(line.words, json, error);
    }
    if (status == SS_OK) {
      status = ss_json_write(path, *json, error);
    }
  }
  drop_words(&line);
  free(path);
  return status;
}

static const char *const commands[] = {"pretrain", "probe", "knn"};
enum { command_count = sizeof commands / sizeof *commands };

/* A run's results; *done: all are there. Where nothing is to be made, the row may be NULL. */
static ss_status gather(const ss_sweep *sweep, const ss_sweep_run *run, bool make, ss_sweep_row *row, bool *done,
                        ss_error *error) {
  cJSON *results[command_count] = {NULL};
  ss_status status = SS_OK;
  *done = true;
  for (int i = 0; i < command_count && status == SS_OK; i++) {
    status = obtain(sweep, run, commands[i], make, &results[i], error);
    *done = *done && results[i];
  }
  if (status == SS_OK && *done && row) {
    status = ss_sweep_row_add(row, results[0], results[1], results[2], error);
  }
  for (int i = 0; i < command_count; i++) {
    cJSON_Delete(results[i]);
  }
  return status;
}

/* ---- all of them ---- */

/* Makes what is missing. A run that fails is told and left out; *failed counts them. */
static ss_status make_all(const ss_sweep *sweep, size_t *failed, ss_error *error) {
  ss_child_watch_signals();
  for (size_t i = 0; i < sweep->count; i++) {
    const ss_sweep_run *run = &sweep->runs[i];
    ss_error reason = {""};
    bool done = false;
    SS_TRY(ss_folder_make(sweep->out, error));
    fprintf(stderr, "%zu of %zu: %s\n", i + 1, sweep->count, run->folder);
    const ss_status status = gather(sweep, run, true, NULL, &done, &reason);
    if (status == SS_INTERRUPTED) {
      return ss_fail(error, SS_INTERRUPTED, "stopped at run %zu of %zu; the same command goes on", i + 1, sweep->count);
    }
    if (status != SS_OK) {
      (*failed)++;
      fprintf(stderr, "selfsup: %s: %s\n", run->folder, reason.message);
    }
  }
  return SS_OK;
}

static bool same_row(const ss_sweep_run *a, const ss_sweep_run *b) {
  return strcmp(a->label, b->label) == 0 && strcmp(a->arch, b->arch) == 0 && a->width == b->width;
}

/* A row for each label, backbone and width, in the order of the runs, whose seeds stand together. */
static ss_status make_rows(const ss_sweep *sweep, ss_sweep_row *rows, size_t *count, ss_error *error) {
  for (size_t i = 0; i < sweep->count; i++) {
    const ss_sweep_run *run = &sweep->runs[i];
    if (i == 0 || !same_row(run, &sweep->runs[i - 1])) {
      rows[(*count)++] = (ss_sweep_row){.label = run->label, .arch = run->arch, .width = run->width};
    }
    bool done = false;
    SS_TRY(gather(sweep, run, false, &rows[*count - 1], &done, error));
  }
  for (size_t i = 0; i < *count; i++) {
    ss_sweep_row_finish(&rows[i]);
  }
  return SS_OK;
}

static ss_status write_text(const ss_sweep *sweep, const char *name, ss_text *text, ss_error *error) {
  char *path = NULL;
  SS_TRY(ss_text_check(text, error));
  SS_TRY(ss_path_join(&path, sweep->out, name, error));
  const ss_status status = ss_file_write(path, text->data, text->length, SS_FILE_SYNCED, error);
  if (status == SS_OK) {
    fprintf(stderr, "written: %s\n", path);
  }
  free(path);
  return status;
}

static ss_status show(const ss_sweep *sweep, ss_error *error) {
  ss_sweep_row *rows = NULL;
  size_t count = 0;
  ss_text table = {0}, plot = {0};
  SS_TRY(ss_alloc((void **)&rows, sweep->count, sizeof *rows, "the table", error));
  ss_status status = make_rows(sweep, rows, &count, error);
  if (status == SS_OK) {
    ss_sweep_append_table(rows, count, &table);
    printf("%s", table.data ? table.data : "");
    status = ss_sweep_append_plot(rows, count, &plot, error);
  }
  if (status == SS_OK) {
    status = write_text(sweep, "table.md", &table, error);
  }
  if (status == SS_OK) {
    status = write_text(sweep, "plot.svg", &plot, error);
  }
  ss_text_free(&table);
  ss_text_free(&plot);
  free(rows);
  return status;
}

static ss_status sweep_file(const ss_arguments *arguments, const ss_sweep *sweep, ss_error *error) {
  size_t failed = 0;
  if (!ss_arguments_has(arguments, "table")) {
    SS_TRY(make_all(sweep, &failed, error));
  } else if (!ss_folder_exists(sweep->out)) {
    return ss_fail(error, SS_FAILED, "nothing has been run yet: there is no folder %s", sweep->out);
  }
  SS_TRY(show(sweep, error));
  return failed ? ss_fail(error, SS_FAILED, "%zu of %zu runs failed; the same command tries them again", failed,
                          sweep->count)
                : SS_OK;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  ss_sweep sweep;
  ss_status status = ss_sweep_read(arguments->operands[0], &sweep, &error);
  if (status == SS_OK) {
    status = sweep_file(arguments, &sweep, &error);
    ss_sweep_free(&sweep);
  }
  return ss_complain(status, &error);
}

const ss_command ss_command_sweep = {
    .name = "sweep",
    .operands = "FILE",
    .summary = "runs methods x backbones x widths from one file: one table, one plot",
    .more =
        "FILE is JSON:\n\n"
        "  {\"data\": \"photos\", \"out\": \"runs/sweep\",\n"
        "   \"methods\": [\"random\", \"rotation\",\n"
        "               {\"method\": \"simclr\", \"label\": \"simclr, cold\", \"set\": {\"temperature\": 0.2}}],\n"
        "   \"backbones\": [\"resnet18\", \"resnet50\"], \"widths\": [16, 32], \"seeds\": [0, 1],\n"
        "   \"pretrain\": {\"epochs\": 30}, \"probe\": {\"limit\": 10000}}\n\n"
        "data, out and methods must be there; \"test\" names other data to test on. Each run is pretrained into\n"
        "a folder of its own in OUT, probed at every layer and measured by k-NN; what is done is not done\n"
        "again, so that a sweep can be stopped and started. OUT/table.md and OUT/plot.svg hold the results.",
    .least = 1,
    .most = 1,
    .flags = flags,
    .options = NULL,
    .run = run};
