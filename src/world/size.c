#include "base/text.h"
#include "world/world.h"

#include <stdio.h>
#include <string.h>

ss_status ss_world_check_size(int width, int height, ss_error *error) {
  if (width < SS_WORLD_MIN_SIZE || width > SS_WORLD_MAX_SIZE || height < SS_WORLD_MIN_SIZE ||
      height > SS_WORLD_MAX_SIZE) {
    return ss_fail(error, SS_USAGE, "pictures of the world cannot be of %d x %d pixels; choose %d to %d a side", width,
                   height, SS_WORLD_MIN_SIZE, SS_WORLD_MAX_SIZE);
  }
  return SS_OK;
}

ss_status ss_world_read_size(const char *text, const char *name, int *width, int *height, ss_error *error) {
  char sides[2][16];
  const size_t first = strcspn(text, "x");
  const char *second = text[first] == 'x' ? text + first + 1 : text;
  if (first >= sizeof sides[0] || strlen(second) >= sizeof sides[1]) {
    return ss_fail(error, SS_USAGE, "%s: %s is no size; write 32, or 300x200 for width and height", name, text);
  }
  snprintf(sides[0], sizeof sides[0], "%.*s", (int)first, text);
  snprintf(sides[1], sizeof sides[1], "%s", second);
  int64_t pixels[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    SS_TRY(ss_text_int(sides[i], name, SS_WORLD_MIN_SIZE, SS_WORLD_MAX_SIZE, &pixels[i], error));
  }
  *width = (int)pixels[0];
  *height = (int)pixels[1];
  return SS_OK;
}
