/* selfsup report RUN... */
#include "base/file.h"
#include "base/memory.h"
#include "cli/measure.h"
#include "cli/report_pictures.h"
#include "cli/report_run.h"
#include "engine/ways_cache.h"
#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const ss_flag flags[] = {{"out", 'o', "FILE.html", "the page (default: report.html in the first RUN)"},
                                {"data", 0, "DATA", "show the runs on this data (default: what each was trained on)"},
                                {"title", 0, "TEXT", "the page's heading (default: the runs' names)"},
                                SS_JSON_FLAGS};

static const ss_option options[] = {
    {"limit", SS_OPTION_INT, "1500", "pictures on the map, of the test part where there is one, classes in turn", 4,
     5000, NULL},
    SS_BATCH_OPTION,
    SS_THREADS_OPTION,
    {"seed", SS_OPTION_INT, "0", "of the untrained network it is compared with", 0, 1e15, NULL},
    SS_MAX_BAD_OPTION,
    {0}};

typedef struct making {
  const ss_arguments *arguments;
  ss_settings *settings;
  ss_ways *ways;
  ss_report_page report;
  ss_report_album *albums; /* (album_count), room for one a run */
  int album_count;
} making;

/* The runs' names must differ, else their paths stand for them. */
static void tell_apart(ss_report_page *report) {
  bool same = false;
  for (int i = 0; i < report->run_count; i++) {
    for (int k = 0; k < i; k++) {
      same = same || strcmp(report->runs[i].name, report->runs[k].name) == 0;
    }
  }
  for (int i = 0; i < report->run_count && same; i++) {
    report->runs[i].name = report->runs[i].path;
  }
}

/* RUN without slashes at its end. */
static ss_status run_path(ss_pool *pool, const char *operand, const char **path, ss_error *error) {
  size_t length = strlen(operand);
  while (length > 1 && operand[length - 1] == '/') {
    length--;
  }
  return ss_pool_text(pool, path, error, "%.*s", (int)length, operand);
}

static ss_status read_runs(making *make, ss_error *error) {
  ss_report_page *report = &make->report;
  const int count = make->arguments->operand_count;
  SS_TRY(ss_pool_alloc(&report->pool, (void **)&report->runs, (size_t)count, sizeof *report->runs, error));
  SS_TRY(ss_pool_alloc(&report->pool, (void **)&report->sprites, (size_t)count, sizeof *report->sprites, error));
  for (int i = 0; i < count; i++) {
    const char *path = NULL;
    SS_TRY(run_path(&report->pool, make->arguments->operands[i], &path, error));
    SS_TRY(ss_report_read_run(&report->pool, path, &report->runs[i], error));
    report->run_count++;
  }
  tell_apart(report);
  return SS_OK;
}

/* ---- the data's pictures ---- */

static ss_status find_album(making *make, const char *data, const ss_report_album **album, ss_error *error) {
  for (int i = 0; i < make->album_count; i++) {
    if (strcmp(make->albums[i].data, data) == 0) {
      *album = &make->albums[i];
      return SS_OK;
    }
  }
  ss_report_album *made = &make->albums[make->album_count];
  SS_TRY(ss_report_album_open(&make->report, data, (uint32_t)ss_settings_int(make->settings, "limit"), made, error));
  make->album_count++;
  *album = made;
  return SS_OK;
}

static ss_status map_run(making *make, ss_report_run *run, ss_error *error) {
  const char *data = ss_arguments_value(make->arguments, "data", run->data);
  const ss_report_album *album = NULL;
  ss_model *model = NULL;
  ss_embedding_map map = {0};
  if (!data) {
    return ss_fail(error, SS_FAILED, "the configuration names no data");
  }
  const ss_feature_options how = {.batch = (int)ss_settings_int(make->settings, "batch"),
                                  .threads = (int)ss_settings_int(make->settings, "threads"),
                                  .layer = SS_LAST_LAYER,
                                  .max_bad = ss_settings_float(make->settings, "max-bad"),
                                  .ways = make->ways};
  const uint64_t seed = (uint64_t)ss_settings_int(make->settings, "seed");
  SS_TRY(find_album(make, data, &album, error));
  fprintf(stderr, "%s: features and map of %u pictures of %s\n", run->name, album->subset.count, data);
  ss_status status = ss_model_open(run->path, 0, seed, &model, error);
  status = status ? status : ss_embedding_map_make(model, album->source, &album->subset, &how, seed, &map, error);
  status = status ? status : ss_report_add_map(&make->report.pool, album, &map, run, error);
  ss_embedding_map_free(&map);
  ss_model_free(model);
  return status;
}

/* Data that has moved or a backbone that is not there leave a sentence; only memory that is out ends the page. */
static ss_status add_pictures(making *make, ss_error *error) {
  ss_report_page *report = &make->report;
  for (int i = 0; i < report->run_count; i++) {
    ss_report_run *run = &report->runs[i];
    ss_error reason = {""};
    const ss_status status = map_run(make, run, &reason);
    if (status == SS_NO_MEMORY) {
      return ss_fail(error, status, "%s", reason.message);
    }
    if (status != SS_OK) {
      run->map.count = 0;
      run->query_count = 0;
      fprintf(stderr, "%s: no map and no neighbours: %s\n", run->name, reason.message);
      SS_TRY(
          ss_pool_text(&report->pool, &run->pictures_missing, error,
                       "No map and no neighbours: %s. Where the pictures have moved, `selfsup report %s --data DATA` "
                       "finds them.",
                       reason.message, run->path));
    }
  }
  return SS_OK;
}

/* ---- the page ---- */

static ss_status add_date(ss_report_page *report, ss_error *error) {
  const time_t now = time(NULL);
  struct tm local;
  char date[64] = "";
  if (localtime_r(&now, &local)) {
    strftime(date, sizeof date, "%Y-%m-%d", &local);
  }
  return ss_pool_text(&report->pool, &report->made, error, "%s", date);
}

/* What was written, and where. */
typedef struct written {
  const char *path;
  int runs;
  size_t size;
} written;

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const written *of = context;
  SS_TRY(ss_json_add_string(json, "report", of->path, error));
  SS_TRY(ss_json_add_int(json, "runs", of->runs, error));
  return ss_json_add_int(json, "bytes", (int64_t)of->size, error);
}

static ss_status write_page(const making *make, ss_error *error) {
  ss_text page = {0};
  char *path = NULL;
  const char *out = ss_arguments_value(make->arguments, "out", NULL);
  ss_report_append(&make->report, &page);
  ss_status status = ss_text_check(&page, error);
  if (status == SS_OK) {
    status =
        out ? ss_path_join(&path, "", out, error) : ss_run_path(make->report.runs[0].path, "report.html", &path, error);
  }
  status = status ? status : ss_file_write(path, page.data, page.length, SS_FILE_SYNCED, error);
  if (status == SS_OK) {
    printf("%s (%.1f MB)\n", path, (double)page.length / 1e6);
    const written of = {path, make->report.run_count, page.length};
    status = ss_json_output(make->arguments, fill_json, &of, error);
  }
  free(path);
  ss_text_free(&page);
  return status;
}

static ss_status make_report(making *make, ss_error *error) {
  ss_report_page *report = &make->report;
  report->title = ss_arguments_value(make->arguments, "title", NULL);
  report->version = SS_VERSION;
  SS_TRY(ss_arguments_settings(make->arguments, &make->settings, error));
  SS_TRY(read_runs(make, error));
  SS_TRY(ss_ways_open(&make->ways, error));
  SS_TRY(ss_alloc((void **)&make->albums, (size_t)report->run_count, sizeof *make->albums, "the report", error));
  SS_TRY(add_pictures(make, error));
  ss_ways_cache_save(make->ways);
  SS_TRY(add_date(report, error));
  return write_page(make, error);
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  making make = {.arguments = arguments};
  const ss_status status = make_report(&make, &error);
  for (int i = 0; i < make.album_count; i++) {
    ss_report_album_close(&make.albums[i]);
  }
  free(make.albums);
  ss_ways_free(make.ways);
  ss_settings_free(make.settings);
  ss_pool_free(&make.report.pool);
  return ss_complain(status, &error);
}

const ss_command ss_command_report = {
    .name = "report",
    .operands = "RUN...",
    .summary = "shows a run, or several side by side, as one self-contained HTML page",
    .more =
        "The page shows whether the run learned, its curves, what `selfsup probe` and `selfsup knn` have found, a map\n"
        "of the embeddings (t-SNE and PCA) with thumbnails, nearest neighbours, what the method saw and predicted, "
        "the\n"
        "first layer's filters, what `pretrain --profile` has measured, and every option. It needs no network and\n"
        "no other file. What is missing is named with the command that makes it.\n\n"
        "  selfsup report runs/simclr                                      # runs/simclr/report.html\n"
        "  selfsup report runs/simclr runs/rotation -o comparison.html",
    .least = 1,
    .most = 64,
    .flags = flags,
    .options = options,
    .run = run};
