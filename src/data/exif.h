/* The one thing of EXIF that decoding needs. */
#ifndef SS_DATA_EXIF_H
#define SS_DATA_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* The orientation (tag 0x0112, 1 to 8) in an EXIF block, with or without its leading "Exif\0\0"; 1 where there is none
 * or the block is damaged. */
int ss_exif_orientation(const uint8_t *bytes, size_t size);

#endif
