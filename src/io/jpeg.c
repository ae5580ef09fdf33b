#include "io/jpeg.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

/* *bytes is freed with tjFree. `name` is the file's for messages. */
static ss_status encode(const char *name, const ss_image *image, int quality, unsigned char **bytes,
                        unsigned long *size, ss_error *error) {
  if (!image->pixels || (image->channels != 1 && image->channels != 3)) {
    return ss_fail(error, SS_FAILED, "cannot write %s: a picture has 1 or 3 channels, not %d", name, image->channels);
  }
  if (quality < 1 || quality > 100) {
    return ss_fail(error, SS_USAGE, "cannot write %s: a JPEG's quality is 1 to 100, not %d", name, quality);
  }
  tjhandle encoder = tjInitCompress();
  if (!encoder) {
    return ss_fail(error, SS_NO_MEMORY, "cannot start the JPEG encoder: %s", tjGetErrorStr2(NULL));
  }
  const bool colour = image->channels == 3;
  ss_status status = SS_OK;
  if (tjCompress2(encoder, image->pixels, image->width, 0, image->height, colour ? TJPF_RGB : TJPF_GRAY, bytes, size,
                  colour ? TJSAMP_420 : TJSAMP_GRAY, quality, TJFLAG_ACCURATEDCT) != 0) {
    status = ss_fail(error, SS_FAILED, "cannot write %s: %s", name, tjGetErrorStr2(encoder));
  }
  tjDestroy(encoder);
  return status;
}

ss_status ss_jpeg_write(const char *path, const ss_image *image, int quality, ss_error *error) {
  unsigned char *bytes = NULL;
  unsigned long size = 0;
  ss_status status = encode(path, image, quality, &bytes, &size, error);
  if (status == SS_OK) {
    status = ss_file_write(path, bytes, size, SS_FILE_UNSYNCED, error);
  }
  tjFree(bytes);
  return status;
}

ss_status ss_jpeg_encode(const ss_image *image, int quality, uint8_t **data, size_t *size, ss_error *error) {
  unsigned char *bytes = NULL;
  unsigned long length = 0;
  *data = NULL;
  *size = 0;
  ss_status status = encode("a JPEG picture", image, quality, &bytes, &length, error);
  if (status == SS_OK) {
    *data = malloc(length); /* of the C library's own, which tjFree's need not be */
    status = *data ? SS_OK : ss_fail_memory(error, length, "a JPEG picture");
  }
  if (status == SS_OK) {
    memcpy(*data, bytes, length);
    *size = length;
  }
  tjFree(bytes);
  return status;
}
