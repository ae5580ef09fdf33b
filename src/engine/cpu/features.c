#include "engine/cpu/features.h"

#include "engine/cpu/amx_convolution.h"

#include <stdio.h>
#include <string.h>

bool ss_cpu_has_bf16(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

void ss_cpu_feature_names(char *names, size_t size) {
  const struct {
    const char *name;
    bool present;
  } features[] = {
#if defined(__x86_64__)
    {"avx2", __builtin_cpu_supports("avx2")},
    {"avx512", __builtin_cpu_supports("avx512bw")},
#elif defined(__aarch64__)
    {"neon", true},
#endif
    {"avx512_bf16", ss_cpu_has_bf16()},
    {"amx_bf16", ss_amx_available()},
  };
  if (size == 0) {
    return;
  }
  names[0] = '\0';
  for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
    const size_t used = strlen(names);
    if (features[i].present) {
      snprintf(names + used, size - used, "%s%s", used ? " " : "", features[i].name);
    }
  }
  if (names[0] == '\0') {
    snprintf(names, size, "baseline");
  }
}
