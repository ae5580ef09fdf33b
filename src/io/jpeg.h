/* Writing JPEG pictures. A file appears under its name complete or not at all; the folder must exist. Not synced to the
 * disk one by one: after many, ss_folder_sync (base/file.h) makes them durable. */
#ifndef SS_IO_JPEG_H
#define SS_IO_JPEG_H

#include "base/image.h"

/* A picture of 1 (grey) or 3 (RGB) channels; colour is stored at half the resolution (4:2:0), as cameras do. `quality`
 * is libjpeg's, 1 to 100. */
ss_status ss_jpeg_write(const char *path, const ss_image *image, int quality, ss_error *error);

/* The same as bytes in memory, for pages that carry their pictures: *data is the caller's, freed with free(). */
ss_status ss_jpeg_encode(const ss_image *image, int quality, uint8_t **data, size_t *size, ss_error *error);

#endif
