/* Writing PNG files. Each appears under its name complete or not at all; compression is light, for speed. The folder
 * must exist. Not synced to the disk one by one: after many, ss_folder_sync (base/file.h) makes them durable. */
#ifndef SS_IO_PNG_H
#define SS_IO_PNG_H

#include "base/image.h"

/* A picture of 1 (grey) or 3 (RGB) channels, 8 bits each. */
ss_status ss_png_write(const char *path, const ss_image *image, ss_error *error);

/* Fills palette (colours, 3) with Pascal VOC's colours: the bits of the index dealt to red, green and blue in turn,
 * highest place first. colours is 1 to 256. */
void ss_png_voc_palette(uint8_t (*palette)[3], int colours);

/* A map of labels: indices (height, width), each below `colours` (1 to 256), shown in palette[index] = R, G, B; readers
 * that ask for it get the indices back. An index beyond the palette is an error. */
ss_status ss_png_write_indexed(const char *path, int width, int height, const uint8_t *indices,
                               const uint8_t (*palette)[3], int colours, ss_error *error);

/* A map of numbers, 16 bits: values (height, width), 0 to 65535. */
ss_status ss_png_write_gray16(const char *path, int width, int height, const uint16_t *values, ss_error *error);

/* A picture (grey or RGB) as PNG bytes in memory, for pages that carry their pictures: *data is the caller's, freed
 * with free(). */
ss_status ss_png_encode(const ss_image *image, uint8_t **data, size_t *size, ss_error *error);

#endif
