#include "support_gpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const ss_device *support_gpu(void) {
  const ss_device *device = NULL;
  ss_error error = {{0}};
  if (ss_device_open("cuda", &device, &error) != SS_OK) {
    print_message("skipped: %s\n", error.message);
    skip();
  }
  return device;
}
