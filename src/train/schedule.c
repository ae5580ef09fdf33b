#include "train/schedule.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

double ss_schedule_rate(const ss_settings *settings, int64_t step, int64_t steps, int64_t steps_per_epoch) {
  const double base = ss_settings_float(settings, "lr");
  const double warmup = ss_settings_float(settings, "warmup") * (double)steps_per_epoch;
  if ((double)step < warmup) {
    return base * (double)(step + 1) / warmup;
  }
  const char *schedule = ss_settings_text(settings, "schedule");
  if (strcmp(schedule, "cosine") == 0) {
    const double rest = (double)steps - warmup;
    return rest > 0.0 ? 0.5 * base * (1.0 + cos(3.141592653589793 * ((double)step - warmup) / rest)) : base;
  }
  if (strcmp(schedule, "step") == 0) {
    const double epoch = (double)step / (double)(steps_per_epoch > 0 ? steps_per_epoch : 1);
    double rate = base;
    for (const char *at = ss_settings_text(settings, "milestones"); *at;) {
      double milestone = 0.0;
      const char *end = ss_text_read_decimal(at, &milestone);
      if (!end) {
        break;
      }
      if (epoch >= milestone) {
        rate *= ss_settings_float(settings, "gamma");
      }
      at = *end == ',' ? end + 1 : end;
    }
    return rate;
  }
  return base;
}
