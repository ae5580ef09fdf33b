/* Many small pictures in one: what maps of embeddings show for their points. */
#ifndef SS_EVAL_SPRITE_H
#define SS_EVAL_SPRITE_H

#include "base/image.h"
#include "data/source.h"

/* Draws the square at the centre of each of `count` samples, `tile` pixels a side, in rows of ss_sprite_columns. One
 * that cannot be read stays grey. */
ss_status ss_sprite_draw(const ss_source *source, const uint32_t *samples, uint32_t count, int tile, ss_image *sprite,
                         ss_error *error);

/* ceil(sqrt(count)). */
int ss_sprite_columns(uint32_t count);

#endif
