#include "augment/normalise.h"
#include "features/features.h"
#include "train/session.h"

#include <string.h>

/* The rows that have been handed over. */
typedef struct handing {
  const ss_feature_request *request;
  int64_t done;
} handing;

static ss_status hand_over(void *context, const float *values, const uint32_t *samples, int64_t count, int64_t dim,
                           ss_error *error) {
  (void)samples;
  handing *to = context;
  SS_TRY(to->request->take(to->request->taker, values, to->done, count, dim, error));
  to->done += count;
  return SS_OK;
}

static ss_status stream(const ss_session *session, const ss_model *model, const ss_feature_request *request,
                        ss_error *error) {
  const ss_settings *settings = session->config->settings;
  ss_feature_options options = {.size = session->task.size,
                                .batch = session->task.batch,
                                .threads = (int)ss_settings_int(settings, "threads"),
                                .layer = SS_LAST_LAYER,
                                .max_bad = ss_settings_float(settings, "max-bad"),
                                .bad = NULL,
                                .ways = session->config->ways,
                                .device = session->device};
  if (request->map) {
    const char *names[SS_MAX_LAYERS];
    int count = 0;
    SS_TRY(ss_feature_layers(model, &count, names, error));
    options.layer = count - 1;
  }
  handing to = {.request = request, .done = 0};
  return ss_features_stream(model, session->source, &session->train, &options, hand_over, &to, error);
}

ss_status ss_session_features(void *session_of, const ss_feature_request *request, ss_error *error) {
  const ss_session *session = session_of;
  if (request->model) {
    ss_model *model = NULL;
    SS_TRY(ss_model_open(request->model, session->task.size, session->task.seed, &model, error));
    const ss_status status = stream(session, model, request, error);
    ss_model_free(model);
    return status;
  }
  ss_model model = {.parameters = session->parameters, .backbone = session->task.backbone};
  memcpy(model.mean, ss_imagenet_mean, sizeof model.mean);
  memcpy(model.deviation, ss_imagenet_deviation, sizeof model.deviation);
  SS_TRY(stream(session, &model, request, error));
  return ss_parameters_settle(session->parameters, error); /* the method may write some of them */
}
