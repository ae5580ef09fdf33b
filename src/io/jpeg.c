#include "io/jpeg.h"

#include "base/file.h"

#include <turbojpeg.h>

ss_status ss_jpeg_write(const char *path, const ss_image *image, int quality, ss_error *error) {
  if (!image->pixels || (image->channels != 1 && image->channels != 3)) {
    return ss_fail(error, SS_FAILED, "cannot write %s: a picture has 1 or 3 channels, not %d", path, image->channels);
  }
  if (quality < 1 || quality > 100) {
    return ss_fail(error, SS_USAGE, "cannot write %s: a JPEG's quality is 1 to 100, not %d", path, quality);
  }
  tjhandle encoder = tjInitCompress();
  if (!encoder) {
    return ss_fail(error, SS_NO_MEMORY, "cannot start the JPEG encoder: %s", tjGetErrorStr2(NULL));
  }
  const bool colour = image->channels == 3;
  unsigned char *bytes = NULL;
  unsigned long size = 0;
  ss_status status = SS_OK;
  if (tjCompress2(encoder, image->pixels, image->width, 0, image->height, colour ? TJPF_RGB : TJPF_GRAY, &bytes, &size,
                  colour ? TJSAMP_420 : TJSAMP_GRAY, quality, TJFLAG_ACCURATEDCT) != 0) {
    status = ss_fail(error, SS_FAILED, "cannot write %s: %s", path, tjGetErrorStr2(encoder));
  } else {
    status = ss_file_write(path, bytes, size, SS_FILE_UNSYNCED, error);
  }
  tjFree(bytes);
  tjDestroy(encoder);
  return status;
}
