#include "train/session.h"

#include <string.h>

/* What may change between a run and its continuation without changing what is learned. */
static bool may_change(const char *name) {
  static const char *const free_ones[] = {"steps",     "epochs",  "save-every", "knn-every",
                                          "log_every", "max-bad", "device"};
  for (size_t i = 0; i < sizeof free_ones / sizeof *free_ones; i++) {
    if (strcmp(name, free_ones[i]) == 0) {
      return true;
    }
  }
  return false;
}

static ss_status compare(const ss_config *config, const ss_config *before, ss_error *error) {
  if (config->method != before->method) {
    return ss_fail(error, SS_USAGE, "the run to resume was made with %s, not %s", before->method->name,
                   config->method->name);
  }
  if (strcmp(config->data, before->data) != 0) {
    return ss_fail(error, SS_USAGE, "the run to resume was made on %s, not %s", before->data, config->data);
  }
  for (size_t i = 0; i < ss_settings_count(config->settings); i++) {
    const ss_option *option = ss_settings_at(config->settings, i);
    if (!ss_settings_chosen(config->settings, option->name) || may_change(option->name)) {
      continue;
    }
    const bool number = option->kind != SS_OPTION_TEXT && option->kind != SS_OPTION_CHOICE;
    const char *now = ss_settings_text(config->settings, option->name);
    const char *then = ss_settings_text(before->settings, option->name);
    const bool same =
        number ? ss_settings_float(config->settings, option->name) == ss_settings_float(before->settings, option->name)
               : strcmp(now, then) == 0;
    if (!same) {
      return ss_fail(error, SS_USAGE, "the run to resume has %s %s, not %s; leave the option out, or start a new run",
                     option->name, then, now);
    }
  }
  return SS_OK;
}

ss_status ss_resume_merge(ss_config *config, const ss_config *before, ss_error *error) {
  SS_TRY(compare(config, before, error));
  for (size_t i = 0; i < ss_settings_count(config->settings); i++) {
    const ss_option *option = ss_settings_at(config->settings, i);
    if (ss_settings_chosen(config->settings, option->name) || !ss_settings_known(before->settings, option->name)) {
      continue;
    }
    if (strcmp(option->name, "steps") == 0 && ss_settings_chosen(config->settings, "epochs")) {
      continue; /* follows from the new number of epochs */
    }
    SS_TRY(ss_settings_set(config->settings, option->name, ss_settings_text(before->settings, option->name), false,
                           error));
  }
  return ss_ways_merge(config->ways, before->ways, error);
}
