/* selfsup depth RUN DATA */
#include "cli/dense.h"
#include "eval/depth_task.h"

#include <stdio.h>
#include <string.h>

static const ss_flag flags[] = {SS_DENSE_FLAGS};

static const ss_option options[] = {
    {"scale", SS_OPTION_FLOAT, "1000", "units of the depth maps a metre: 1000 for millimetres", 1e-6, 1e9, NULL},
    SS_DENSE_OPTIONS};

enum { constant = SS_COLUMNS, row_count }; /* rows: the networks, then the constant prediction */

typedef struct estimating {
  ss_dense_comparison compare;
  ss_depth depth;
  bool known[row_count];
  ss_depth_metrics rows[row_count];
} estimating;

static const char *row_name(int row) {
  return row == constant ? "constant" : ss_column_title((ss_column)row);
}

static void take(void *context, ss_column network) {
  estimating *own = context;
  own->rows[network] = ss_depth_take(&own->depth);
  own->known[network] = true;
}

static void print_table(const estimating *own) {
  ss_transfer_head(&own->compare.transfer, "depth");
  printf("%-10s  %8s  %8s  %8s  %9s  %8s  %8s  %8s\n", "", "abs rel", "RMSE (m)", "log10", "scale-inv", "d<1.25",
         "d<1.25^2", "d<1.25^3");
  for (int row = 0; row < row_count; row++) {
    const ss_depth_metrics *metrics = &own->rows[row];
    if (own->known[row]) {
      char invariant[16] = "-";
      if (row != constant) {
        snprintf(invariant, sizeof invariant, "%.4f", metrics->scale_invariant);
      }
      printf("%-10s  %8.4f  %8.4f  %8.4f  %9s  %8.2f  %8.2f  %8.2f\n", row_name(row), metrics->abs_rel, metrics->rmse,
             metrics->log10, invariant, metrics->delta[0], metrics->delta[1], metrics->delta[2]);
    }
  }
}

static ss_status add_row(const estimating *own, int row, cJSON *json, ss_error *error) {
  const ss_depth_metrics *metrics = &own->rows[row];
  cJSON *object = NULL;
  if (!own->known[row]) {
    return ss_json_add_null(json, row_name(row), error);
  }
  SS_TRY(ss_json_add_object(json, row_name(row), &object, error));
  SS_TRY(ss_json_add_float(object, "abs_rel", metrics->abs_rel, error));
  SS_TRY(ss_json_add_float(object, "rmse", metrics->rmse, error));
  SS_TRY(ss_json_add_float(object, "rmse_log", metrics->rmse_log, error));
  SS_TRY(ss_json_add_float(object, "log10", metrics->log10, error));
  SS_TRY(ss_json_add_float(object, "scale_invariant", metrics->scale_invariant, error));
  SS_TRY(ss_json_add_float(object, "delta1", metrics->delta[0], error));
  SS_TRY(ss_json_add_float(object, "delta2", metrics->delta[1], error));
  SS_TRY(ss_json_add_float(object, "delta3", metrics->delta[2], error));
  return row == constant ? SS_OK : ss_json_add_float(object, "loss", own->compare.results[row].loss, error);
}

static ss_status fill_json(const void *context, cJSON *json, ss_error *error) {
  const estimating *own = context;
  for (int row = 0; row < row_count; row++) {
    SS_TRY(add_row(own, row, json, error));
  }
  SS_TRY(ss_json_add_float(json, "scale", own->depth.scale, error));
  return ss_dense_comparison_json(&own->compare, json, error);
}

static ss_status estimate(estimating *own, const ss_arguments *arguments, ss_error *error) {
  ss_dense_comparison *compare = &own->compare;
  SS_TRY(ss_dense_comparison_open(arguments, SS_MAP_DEPTH, compare, error));
  SS_TRY(ss_depth_start(&own->depth, ss_settings_float(compare->transfer.measurement.settings, "scale"),
                        compare->train_values, error));
  own->rows[constant] = ss_depth_constant(&own->depth, compare->test_values);
  own->known[constant] = true;
  const ss_dense_task task = ss_depth_task(&own->depth);
  SS_TRY(ss_dense_comparison_run(compare, arguments, &task, take, own, error));
  if (compare->transfer.columns.own_untrained) {
    own->rows[SS_UNTRAINED] = own->rows[SS_PRETRAINED];
    own->known[SS_UNTRAINED] = true;
  }
  print_table(own);
  return ss_json_output(arguments, fill_json, own, error);
}

static int run(const ss_arguments *arguments) {
  ss_error error = {""};
  estimating own;
  memset(&own, 0, sizeof own);
  const ss_status status = estimate(&own, arguments, &error);
  ss_depth_free(&own.depth);
  ss_dense_comparison_close(&own.compare);
  return ss_complain(status, &error);
}

const ss_command ss_command_depth = {
    .name = "depth",
    .operands = "RUN DATA",
    .summary = "measures a backbone by depth from a single picture",
    .more =
        "Trains a fully convolutional head on the backbone's last layers that gives the logarithm of the depth, by\n"
        "the scale-invariant error (Eigen, Puhrsch and Fergus 2014, lambda 0.5), and prints over all measured pixels:\n"
        "absolute relative error, root mean squared error in metres, error of log10, and the per cent of pixels\n"
        "within a factor of 1.25, 1.25^2 and 1.25^3; and over pictures the scale-invariant error, which does not\n"
        "see how large a scene is as a whole. Beside it stand the same network untrained, untrained but\n"
        "rescaled to unit variance, and the training part's median depth everywhere.\n"
        "\n"
        "DATA is a folder of images/ beside depth/ with equal names (16-bit grey PNGs, 0 where nothing was measured),\n"
        "with train/ and val/ inside or around them, or world:images?n=2000&size=64 or what `selfsup world images`\n"
        "wrote. Pictures are resized to a square; predictions are resized back and compared at full size.",
    .least = 2,
    .most = 2,
    .flags = flags,
    .options = options,
    .run = run};
