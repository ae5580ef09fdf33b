/* selfsup detect RUN DATA */
#include "base/memory.h"
#include "base/system.h"
#include "cli/measure.h"
#include "engine/ways_cache.h"
#include "eval/detection_sheet.h"
#include "eval/rescale.h"
#include "io/png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ss_flag flags[] = {
    {"supervised", 0, "RUN", "a run of the method supervised, shown beside it"},
    {"alone", 0, NULL, "leave out the untrained networks it is compared with"},
    {"finetune", 0, NULL, "train the backbone too (default: it is frozen, and the detector alone learns)"},
    {"sheet", 0, "FILE.png", "draw test pictures with their boxes, and with those that each network found"},
    {"json", 0, NULL, "print one JSON object last on standard output"},
    {"help", 'h', NULL, "this text"},
    {0}};

static const ss_option options[] = {
    {"epochs", SS_OPTION_INT, "20", "times each training picture is seen", 1, 100000, NULL},
    {"batch", SS_OPTION_INT, "16", "pictures a step", 1, 4096, NULL},
    {"size", SS_OPTION_INT, NULL, "pixels a side that pictures are resized to (default: as the run was trained)", 1,
     4096, NULL},
    {"channels", SS_OPTION_INT, "64", "of the detector's pyramid and head (FCOS has 256)", 8, 1024, NULL},
    {"lr", SS_OPTION_FLOAT, NULL, "learning rate at the start (default: 0.001, with --finetune 0.0003)", 1e-8, 100,
     NULL},
    {"weight-decay", SS_OPTION_FLOAT, "1e-4", "of AdamW", 0, 1, NULL},
    {"min-scale", SS_OPTION_FLOAT, "0.5", "smallest share of a training picture's area that is shown", 0.01, 1, NULL},
    {"limit", SS_OPTION_INT, "0", "use that many training pictures only (0: all)", 0, 4e9, NULL},
    {"threads", SS_OPTION_INT, NULL, "threads (default: the processors there are)", 1, 1024, NULL},
    {"device", SS_OPTION_CHOICE, "cpu", "cpu", 0, 0, "cpu"},
    {"seed", SS_OPTION_INT, "0", "of untrained networks, of the detector, of the order and the parts of pictures", 0,
     1e15, NULL},
    {"max-bad", SS_OPTION_FRACTION, "0.01", "share of pictures that may fail to decode", 0, 0, NULL},
    {0}};

/* The networks that are compared; a row of the table each. */
enum { pretrained, untrained, rescaled, supervised, network_count };
static const char *const names[] = {"pretrained", "random", "rescaled", "supervised"};

typedef struct row {
  const ss_model *model; /* NULL: not compared */
  bool known;
  ss_detection_score score;
  double *per_class;
  ss_detections found;
  double loss;
} row;

typedef struct comparison {
  ss_settings *settings;
  ss_box_set *set;
  ss_subset train, test;
  ss_model *owned[network_count];
  row rows[network_count];
  bool same_as_untrained; /* RUN is an untrained network: its row is that of `random` as well */
  ss_detection_options options;
} comparison;

static void close_comparison(comparison *compare) {
  if (compare->options.ways) {
    ss_ways_cache_save(compare->options.ways);
  }
  ss_ways_free(compare->options.ways);
  for (int n = 0; n < network_count; n++) {
    ss_model_free(compare->owned[n]);
    free(compare->rows[n].per_class);
    ss_detections_free(&compare->rows[n].found);
  }
  ss_subset_free(&compare->train);
  ss_subset_free(&compare->test);
  ss_box_set_close(compare->set);
  ss_settings_free(compare->settings);
}

static void tell_bad(void *context, uint32_t sample, const char *message) {
  (void)context;
  (void)sample;
  fprintf(stderr, "skipped: %s\n", message);
}

static ss_status read_options(const ss_arguments *arguments, comparison *out, ss_error *error) {
  SS_TRY(ss_settings_new(arguments->command->options, NULL, &out->settings, error));
  SS_TRY(ss_arguments_apply(arguments, out->settings, error));
  const ss_settings *settings = out->settings;
  const bool finetune = ss_arguments_has(arguments, "finetune");
  const double rate = ss_settings_known(settings, "lr") ? ss_settings_float(settings, "lr") : finetune ? 3e-4 : 1e-3;
  out->options = (ss_detection_options){.size = (int)ss_settings_int(settings, "size"),
                                        .batch = (int)ss_settings_int(settings, "batch"),
                                        .epochs = (int)ss_settings_int(settings, "epochs"),
                                        .threads = (int)ss_settings_int(settings, "threads"),
                                        .channels = (int)ss_settings_int(settings, "channels"),
                                        .finetune = finetune,
                                        .rate = (float)rate,
                                        .weight_decay = (float)ss_settings_float(settings, "weight-decay"),
                                        .min_scale = (float)ss_settings_float(settings, "min-scale"),
                                        .seed = (uint64_t)ss_settings_int(settings, "seed"),
                                        .max_bad = ss_settings_float(settings, "max-bad"),
                                        .bad = tell_bad,
                                        .ways = ss_ways_new()};
  out->options.threads = out->options.threads ? out->options.threads : ss_system_processors();
  return out->options.ways ? ss_ways_cache_load(out->options.ways, error)
                           : ss_fail_memory(error, 1, "the kernels' choices");
}

static ss_status open_models(const ss_arguments *arguments, comparison *out, ss_error *error) {
  const char *name = arguments->operands[0], *beside = ss_arguments_value(arguments, "supervised", NULL);
  const int size = out->options.size;
  const uint64_t seed = out->options.seed;
  const bool alone = ss_arguments_has(arguments, "alone");
  const bool random = strncmp(name, "random:", strlen("random:")) == 0;
  ss_model **owned = out->owned;
  SS_TRY(ss_model_open(name, size, seed, &owned[pretrained], error));
  out->options.size = size ? size : owned[pretrained]->backbone.size;
  if (!alone && !random) {
    SS_TRY(ss_model_untrained(owned[pretrained], seed, &owned[untrained], error));
  }
  if (!alone && !out->options.finetune) {
    const ss_feature_options how = {.size = out->options.size,
                                    .threads = out->options.threads,
                                    .max_bad = out->options.max_bad,
                                    .ways = out->options.ways};
    SS_TRY(ss_rescaled_model(owned[random ? pretrained : untrained], ss_box_set_source(out->set), &out->train, &how,
                             &owned[rescaled], error));
  }
  if (beside) {
    SS_TRY(ss_model_open(beside, size, seed, &owned[supervised], error));
  }
  for (int n = 0; n < network_count; n++) {
    out->rows[n].model = owned[n];
  }
  out->same_as_untrained = !alone && random;
  return SS_OK;
}

static ss_status open_comparison(const ss_arguments *arguments, comparison *out, ss_error *error) {
  SS_TRY(read_options(arguments, out, error));
  SS_TRY(ss_box_set_open(arguments->operands[1], &out->set, error));
  SS_TRY(ss_box_set_parts(out->set, &out->train, &out->test, error));
  SS_TRY(ss_subset_limit(ss_box_set_source(out->set), &out->train, (uint32_t)ss_settings_int(out->settings, "limit"),
                         error));
  return open_models(arguments, out, error);
}

/* Which network's epochs are told of. */
typedef struct teller {
  const char *network;
  int epochs;
} teller;

static void tell_epoch(void *context, int epoch, double loss) {
  const teller *of = context;
  fprintf(stderr, "%s: epoch %d of %d, loss %.4f\n", of->network, epoch, of->epochs, loss);
}

static ss_status run_networks(comparison *compare, ss_error *error) {
  const size_t classes = (size_t)ss_box_set_class_count(compare->set);
  ss_detection_options how = compare->options;
  how.tell = tell_epoch;
  for (int n = 0; n < network_count; n++) {
    row *of = &compare->rows[n];
    if (!of->model) {
      continue;
    }
    teller who = {names[n], how.epochs};
    how.tell_context = &who;
    SS_TRY(ss_alloc((void **)&of->per_class, classes, sizeof(double), "the scores", error));
    SS_TRY(ss_detect(of->model, compare->set, &compare->train, &compare->test, &how, &of->score, of->per_class,
                     &of->found, &of->loss, error));
    of->known = true;
    fprintf(stderr, "%s: VOC AP50 %.2f %%\n", names[n], of->score.voc_ap50);
  }
  if (compare->same_as_untrained) {
    compare->rows[untrained].known = true;
    compare->rows[untrained].score = compare->rows[pretrained].score;
    compare->rows[untrained].loss = compare->rows[pretrained].loss;
  }
  return SS_OK;
}

static ss_status write_sheet(const comparison *compare, const char *path, ss_error *error) {
  ss_detections shown[network_count];
  int count = 0;
  for (int n = 0; n < network_count; n++) {
    if (compare->rows[n].model) {
      shown[count++] = compare->rows[n].found;
    }
  }
  ss_image sheet = {0};
  ss_status status = ss_detection_sheet(compare->set, &compare->test, shown, count, &sheet, error);
  status = status ? status : ss_png_write(path, &sheet, error);
  ss_image_free(&sheet);
  return status;
}

static void print_table(const comparison *compare) {
  const ss_detection_options *how = &compare->options;
  printf("object detection (FCOS), %s backbone: %u training and %u test pictures, %d px, %d epochs of batch %d\n\n",
         how->finetune ? "fine-tuned" : "frozen", compare->train.count, compare->test.count, how->size, how->epochs,
         how->batch);
  printf("%-10s  %8s  %10s  %8s  %8s  %8s\n", "", "VOC AP50", "VOC07 AP50", "COCO AP", "AP50", "AP75");
  for (int n = 0; n < network_count; n++) {
    const ss_detection_score *score = &compare->rows[n].score;
    if (compare->rows[n].known) {
      printf("%-10s  %8.2f  %10.2f  %8.2f  %8.2f  %8.2f\n", names[n], score->voc_ap50, score->voc07_ap50, score->ap,
             score->ap50, score->ap75);
    }
  }
}

static void print_classes(const comparison *compare) {
  printf("\n%-14s", "VOC AP50");
  for (int n = 0; n < network_count; n++) {
    if (compare->rows[n].per_class) {
      printf("  %10s", names[n]);
    }
  }
  for (int label = 0; label < ss_box_set_class_count(compare->set); label++) {
    printf("\n%-14s", ss_box_set_class_name(compare->set, label));
    for (int n = 0; n < network_count; n++) {
      const double *per_class = compare->rows[n].per_class;
      if (per_class && isnan(per_class[label])) {
        printf("  %10s", "-");
      } else if (per_class) {
        printf("  %10.2f", per_class[label]);
      }
    }
  }
  printf("\n");
}

static ss_status add_row(const comparison *compare, int n, cJSON *json, ss_error *error) {
  const row *of = &compare->rows[n];
  cJSON *object = NULL, *list = NULL;
  if (!of->known) {
    return ss_json_add_null(json, names[n], error);
  }
  SS_TRY(ss_json_add_object(json, names[n], &object, error));
  SS_TRY(ss_json_add_float(object, "voc_ap50", of->score.voc_ap50, error));
  SS_TRY(ss_json_add_float(object, "voc07_ap50", of->score.voc07_ap50, error));
  SS_TRY(ss_json_add_float(object, "ap", of->score.ap, error));
  SS_TRY(ss_json_add_float(object, "ap50", of->score.ap50, error));
  SS_TRY(ss_json_add_float(object, "ap75", of->score.ap75, error));
  SS_TRY(ss_json_add_float(object, "loss", of->loss, error));
  SS_TRY(ss_json_add_array(object, "voc_ap50_of_class", &list, error));
  for (int label = 0; of->per_class && label < ss_box_set_class_count(compare->set); label++) {
    SS_TRY(ss_json_add_float(list, NULL, of->per_class[label], error));
  }
  return SS_OK;
}

static ss_status fill_json(const comparison *compare, cJSON *json, ss_error *error) {
  cJSON *list = NULL;
  for (int n = 0; n < network_count; n++) {
    SS_TRY(add_row(compare, n, json, error));
  }
  SS_TRY(ss_json_add_array(json, "classes", &list, error));
  for (int label = 0; label < ss_box_set_class_count(compare->set); label++) {
    SS_TRY(ss_json_add_string(list, NULL, ss_box_set_class_name(compare->set, label), error));
  }
  SS_TRY(ss_json_add_bool(json, "finetune", compare->options.finetune, error));
  SS_TRY(ss_json_add_int(json, "size", compare->options.size, error));
  SS_TRY(ss_json_add_int(json, "epochs", compare->options.epochs, error));
  SS_TRY(ss_json_add_int(json, "train", compare->train.count, error));
  return ss_json_add_int(json, "test", compare->test.count, error);
}

static ss_status print_json(const comparison *compare, ss_error *error) {
  cJSON *json = NULL;
  SS_TRY(ss_json_new_object(&json, error));
  ss_status status = fill_json(compare, json, error);
  status = status ? status : ss_print_json(json, error);
  cJSON_Delete(json);
  return status;
}

static ss_status detect(const ss_arguments *arguments, comparison *compare, ss_error *error) {
  const char *sheet = ss_arguments_value(arguments, "sheet", NULL);
  SS_TRY(open_comparison(arguments, compare, error));
  SS_TRY(run_networks(compare, error));
  if (sheet) {
    SS_TRY(write_sheet(compare, sheet, error));
  }
  print_table(compare);
  print_classes(compare);
  return ss_arguments_has(arguments, "json") ? print_json(compare, error) : SS_OK;
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  comparison compare = {0};
  const ss_status status = detect(arguments, &compare, &error);
  close_comparison(&compare);
  return ss_complain(status, &error);
}

const ss_command ss_command_detect = {
    .name = "detect",
    .operands = "RUN DATA",
    .summary = "measures a backbone by object detection: classes and boxes",
    .more =
        "Trains a detector without anchors (FCOS, Tian et al. 2019) on a small feature pyramid over the backbone's "
        "last\n"
        "layers, and prints average precision in per cent as Pascal VOC counts it (IoU 0.5; by the area under the\n"
        "curve, and by VOC 2007's eleven points) and as COCO does (mean over IoU 0.5 to 0.95, at 0.5, at 0.75).\n"
        "Beside it stand the same network untrained, and untrained but rescaled to unit variance.\n"
        "\n"
        "DATA is a VOC devkit (JPEGImages, Annotations, ImageSets/Main), or world:images?n=2000&size=64 or what\n"
        "`selfsup world images` wrote. Pictures are resized to a square.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
