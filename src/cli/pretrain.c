/* selfsup pretrain METHOD DATA */
#include "cli/json_output.h"
#include "cli/progress.h"
#include "engine/ways_cache.h"
#include "eval/watch.h"
#include "train/trainer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const ss_flag flags[] = {
    {"out", 'o', "RUN", "the run folder (default runs/METHOD-DATE)"},
    {"resume", 0, NULL, "go on from the run's last checkpoint, to the same bits; without one, start"},
    {"set", 0, "KEY=VALUE", "an option of the method; see selfsup methods METHOD"},
    {"config", 0, "FILE", "options of another run's config.json"},
    {"profile", 0, NULL, "write where the time goes to RUN/profile.txt and .json, the last step to RUN/trace.json"},
    {"json", 0, NULL, "print one JSON object last on standard output"},
    {"quiet", 'q', NULL, "no progress"},
    {"help", 'h', NULL, "this text"},
    {0}};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

/* Who looks on while a run goes on. */
typedef struct spectator {
  ss_progress_display display;
  ss_run_watch watch;
  bool talks; /* not --quiet */
} spectator;

static bool should_stop(void *context) {
  (void)context;
  return interrupted != 0;
}

/* At once, so that a run that is killed and one made anew choose the same. */
static void planned(void *context, const ss_config *config) {
  ss_ways_cache_save(config->ways);
  const ss_settings *settings = config->settings;
  char line[1000], device[400] = "";
  const ss_device *gpu = NULL;
  if (strcmp(ss_settings_text(settings, "device"), "cpu") != 0 &&
      ss_device_open(ss_settings_text(settings, "device"), &gpu, NULL) == SS_OK) {
    snprintf(device, sizeof device, "%s, ", ss_device_describe(gpu));
  }
  snprintf(line, sizeof line, "%s on %.200s: %s width %s, %s px, batch %s, %s steps, %s, %s%s threads, seed %s",
           config->method->name, config->data, ss_settings_text(settings, "arch"), ss_settings_text(settings, "width"),
           ss_settings_text(settings, "size"), ss_settings_text(settings, "batch"), ss_settings_text(settings, "steps"),
           ss_settings_text(settings, "precision"), device, ss_settings_text(settings, "threads"),
           ss_settings_text(settings, "seed"));
  spectator *looking = context;
  if (looking->talks) {
    ss_progress_note(&looking->display, line);
  }
}

static void show(void *context, const ss_progress *progress) {
  spectator *looking = context;
  ss_progress_show(&looking->display, progress);
}

static void note(void *context, const char *line) {
  spectator *looking = context;
  ss_progress_note(&looking->display, line);
}

static ss_status measure(void *context, const ss_parameters *parameters, const ss_backbone_options *backbone,
                         double *accuracy, ss_error *error) {
  spectator *looking = context;
  return ss_run_watch_measure(&looking->watch, parameters, backbone, accuracy, error);
}

/* Whether the number of steps of another run's configuration no longer follows from what the user asks for. */
static bool changes_steps(const ss_arguments *arguments) {
  return ss_arguments_has(arguments, "epochs") || ss_arguments_has(arguments, "batch") ||
         ss_arguments_has(arguments, "limit") || ss_arguments_has(arguments, "accumulate");
}

/* The user's words over the defaults, or over another run's configuration. */
static ss_status make_config(const ss_arguments *arguments, ss_config **out, ss_error *error) {
  const char *method = arguments->operands[0], *data = arguments->operands[1];
  SS_TRY(ss_config_new(method, data, out, error));
  const char *file = ss_arguments_value(arguments, "config", NULL);
  if (file) {
    ss_config *other = NULL;
    SS_TRY(ss_config_read(file, &other, error));
    ss_status status = SS_OK;
    for (size_t i = 0; i < ss_settings_count(other->settings) && status == SS_OK; i++) {
      const char *name = ss_settings_at(other->settings, i)->name;
      const bool stale = strcmp(name, "steps") == 0 && changes_steps(arguments);
      if (ss_settings_known(other->settings, name) && ss_settings_has((*out)->settings, name) && !stale) {
        status = ss_settings_set((*out)->settings, name, ss_settings_text(other->settings, name), true, error);
      }
    }
    if (status == SS_OK) {
      status = ss_ways_merge((*out)->ways, other->ways, error);
    }
    ss_config_free(other);
    SS_TRY(status);
  }
  return ss_arguments_apply(arguments, (*out)->settings, error);
}

/* runs/METHOD-DATE, the date to the second. */
static void default_out(const char *method, char out[256]) {
  const time_t now = time(NULL);
  struct tm local;
  char date[64] = "run";
  if (localtime_r(&now, &local)) {
    strftime(date, sizeof date, "%Y%m%d-%H%M%S", &local);
  }
  snprintf(out, 256, "runs/%s-%s", method, date);
}

/* What came of a run. */
typedef struct outcome {
  const ss_config *config;
  const char *out;
  ss_train_result result;
} outcome;

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const outcome *of = context;
  const ss_config *config = of->config;
  const ss_train_result *result = &of->result;
  const ss_score *score = &config->method->score;
  cJSON *pretext = NULL;
  SS_TRY(ss_json_add_string(json, "method", config->method->name, error));
  SS_TRY(ss_json_add_string(json, "arch", ss_settings_text(config->settings, "arch"), error));
  SS_TRY(ss_json_add_int(json, "steps", result->steps, error));
  SS_TRY(ss_json_add_float(json, "epochs", result->epochs, error));
  SS_TRY(ss_json_add_int(json, "images_seen", result->images_seen, error));
  SS_TRY(ss_json_add_float(json, "images_per_s", result->images_per_s, error));
  SS_TRY(ss_json_add_float(json, "step_ms", result->step_ms, error));
  SS_TRY(ss_json_add_float(json, "data_wait_fraction", result->data_wait_fraction, error));
  SS_TRY(ss_json_add_float(json, "loss", result->loss, error));
  SS_TRY(ss_json_add_object(json, "pretext", &pretext, error));
  SS_TRY(ss_json_add_float(pretext, "score", result->score, error));
  SS_TRY(ss_json_add_float(pretext, "chance", result->chance, error));
  SS_TRY(ss_json_add_string(pretext, "what", score->what ? score->what : "none", error));
  SS_TRY(ss_json_add_string(pretext, "better", score->higher_is_better ? "higher" : "lower", error));
  SS_TRY(ss_json_add_float(json, "seconds", result->seconds, error));
  SS_TRY(ss_json_add_float(json, "peak_rss_mb", result->peak_rss_mb, error));
  return ss_json_add_string(json, "run", of->out, error);
}

static ss_status train(const ss_arguments *arguments, ss_config *config, ss_error *error) {
  char default_name[256];
  default_out(config->method->name, default_name);
  const char *out = ss_arguments_value(arguments, "out", default_name);
  const bool quiet = ss_arguments_has(arguments, "quiet");
  spectator looking = {.watch = {.config = config}, .talks = !quiet};
  ss_progress_start(&looking.display);
  ss_train_request request = {
      .config = config,
      .out = out,
      .resume = ss_arguments_has(arguments, "resume"),
      .profile = ss_arguments_has(arguments, "profile"),
      .observer = {.context = &looking, .should_stop = should_stop, .planned = planned, .measure = measure}};
  if (!quiet) {
    request.observer.progress = show;
    request.observer.note = note;
  }
  SS_TRY(ss_ways_cache_load(config->ways, error));
  outcome of = {.config = config, .out = out};
  const ss_status status = ss_train(&request, &of.result, error);
  ss_progress_end(&looking.display);
  if (looking.watch.watch) {
    ss_ways_cache_save(config->ways); /* the measurement has chosen kernels too */
  }
  ss_run_watch_close(&looking.watch);
  SS_TRY(status);
  if (!quiet) {
    fprintf(stderr, of.result.finished_before ? "the run was finished already: %s\n" : "done: %s\n", out);
  }
  return ss_json_output(arguments, fill_json, &of, error);
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  ss_config *config = NULL;
  const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART | SA_RESETHAND};
  sigaction(SIGINT, &action, NULL); /* a second Ctrl-C ends the program at once */
  sigaction(SIGTERM, &action, NULL);
  ss_status status = make_config(arguments, &config, &error);
  if (status == SS_OK) {
    status = train(arguments, config, &error);
  }
  ss_config_free(config);
  return ss_complain(status, &error);
}

const ss_command ss_command_pretrain = {
    .name = "pretrain",
    .operands = "METHOD DATA",
    .summary = "learns a backbone without labels, into a run folder",
    .more =
        "DATA is a folder of pictures (with or without class folders), CIFAR-10, CIFAR-100, STL-10 or MNIST files,\n"
        "tar shards PREFIX-{000..123}.tar, or world:images?n=20000&size=32.\n\n"
        "  selfsup pretrain simclr ~/Pictures\n"
        "  selfsup pretrain rotation cifar-10-batches-bin --width 16 --epochs 5 --out runs/rotation",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = ss_training_options,
    .run = run};
