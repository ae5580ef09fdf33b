#include "cli/report_pictures.h"

#include "augment/crop.h"
#include "eval/sprite.h"
#include "io/jpeg.h"

#include <string.h>

enum { tile = 56, thumb = 112, thumb_quality = 82, sprite_quality = 76, rows = 8, columns = 8 };

ss_status ss_report_encode(ss_pool *pool, const ss_image *image, int quality, ss_html_picture *picture,
                           ss_error *error) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  SS_TRY(ss_jpeg_encode(image, quality, &bytes, &size, error));
  SS_TRY(ss_pool_take(pool, bytes, error));
  picture->bytes = bytes;
  picture->size = size;
  picture->type = "image/jpeg";
  picture->width = image->width;
  picture->height = image->height;
  return SS_OK;
}

/* What reading thumbnails needs at hand. */
typedef struct reader {
  ss_decoder *decoder;
  ss_image picture, small;
  ss_view_scratch scratch;
} reader;

static void close_reader(reader *read) {
  ss_decoder_free(read->decoder);
  ss_image_free(&read->picture);
  ss_image_free(&read->small);
  ss_scratch_free(&read->scratch);
}

/* The square at the centre of a sample, read->small of `side` pixels a side; SS_FAILED where it cannot be read. */
static ss_status read_square(reader *read, const ss_source *source, uint32_t sample, int side, ss_error *error) {
  const ss_decode_options options = {.smallest_side = side};
  SS_TRY(ss_source_read(source, sample, read->decoder, &options, &read->picture, error));
  const int shorter = read->picture.width < read->picture.height ? read->picture.width : read->picture.height;
  const ss_box box = ss_crop_centre(read->picture.width, read->picture.height, shorter, shorter);
  return ss_resize_box(&read->picture, box, side, side, SS_RESAMPLE_BICUBIC, &read->scratch, &read->small, error);
}

/* ---- the album ---- */

static ss_status draw_sprite(const ss_report_album *album, ss_report_sprite *sprite, ss_image *sheet, ss_error *error) {
  const uint32_t count = album->subset.count;
  sprite->tile = tile;
  sprite->columns = ss_sprite_columns(count);
  sprite->rows = ((int)count + sprite->columns - 1) / sprite->columns;
  return ss_sprite_draw(album->source, album->subset.samples, count, tile, sheet, error);
}

/* The test part, or everything, without what --limit leaves out. */
static ss_status choose_pictures(ss_report_album *album, uint32_t limit, ss_error *error) {
  ss_subset *subset = &album->subset;
  SS_TRY(ss_subset_everything(album->source, subset, error));
  uint32_t kept = 0;
  for (uint32_t i = 0; i < subset->count; i++) {
    if (ss_source_part(album->source, subset->samples[i]) == SS_PART_TEST) {
      subset->samples[kept++] = subset->samples[i];
    }
  }
  subset->count = kept > 0 ? kept : subset->count;
  return ss_subset_limit(album->source, subset, limit, error);
}

ss_status ss_report_album_open(ss_report_page *report, const char *data, uint32_t limit, ss_report_album *album,
                               ss_error *error) {
  *album = (ss_report_album){.data = data, .sprite = report->sprite_count};
  ss_image sheet = {0};
  ss_report_sprite *sprite = &report->sprites[report->sprite_count];
  ss_status status = ss_source_open(data, &album->source, error);
  status = status ? status : choose_pictures(album, limit, error);
  status = status ? status : draw_sprite(album, sprite, &sheet, error);
  status = status ? status : ss_report_encode(&report->pool, &sheet, sprite_quality, &sprite->picture, error);
  ss_image_free(&sheet);
  if (status != SS_OK) {
    ss_report_album_close(album);
    return status;
  }
  report->sprite_count++;
  return SS_OK;
}

void ss_report_album_close(ss_report_album *album) {
  ss_subset_free(&album->subset);
  ss_source_close(album->source);
  album->source = NULL;
}

/* ---- the map ---- */

static ss_status add_points(ss_pool *pool, const ss_report_album *album, const ss_embedding_map *map, ss_report_map *to,
                            ss_error *error) {
  SS_TRY(ss_pool_alloc(pool, (void **)&to->points, (size_t)map->count, sizeof *to->points, error));
  for (int64_t i = 0; i < map->count; i++) {
    ss_report_point *point = &to->points[i];
    const uint32_t sample = album->subset.samples[i];
    SS_TRY(ss_pool_text(pool, &point->name, error, "%s", ss_source_name(album->source, sample)));
    point->class_index = ss_source_label(album->source, sample);
    memcpy(point->plane, map->plane + 2 * i, sizeof point->plane);
    if (map->tsne) {
      memcpy(point->tsne, map->tsne + 2 * i, sizeof point->tsne);
    }
  }
  to->class_count = ss_source_class_count(album->source);
  SS_TRY(ss_pool_alloc(pool, (void **)&to->classes, (size_t)to->class_count, sizeof *to->classes, error));
  for (int k = 0; k < to->class_count; k++) {
    SS_TRY(ss_pool_text(pool, &to->classes[k], error, "%s", ss_source_class_name(album->source, k)));
  }
  to->count = (int)map->count;
  to->has_tsne = map->tsne != NULL;
  to->sprite = album->sprite;
  to->knn = map->knn;
  to->knn_untrained = map->knn_untrained;
  to->knn_k = map->neighbours.k;
  return SS_OK;
}

/* ---- neighbours ---- */

static ss_status add_found(ss_pool *pool, const ss_report_album *album, reader *read, int64_t point,
                           ss_report_found *found, ss_error *error) {
  const uint32_t sample = album->subset.samples[point];
  if (read_square(read, album->source, sample, thumb, NULL) != SS_OK) {
    return SS_OK; /* its place stays empty */
  }
  const int label = ss_source_label(album->source, sample);
  SS_TRY(ss_pool_text(pool, &found->picture.text, error, "%s%s%s",
                      label >= 0 ? ss_source_class_name(album->source, label) : "", label >= 0 ? ", " : "",
                      ss_source_name(album->source, sample)));
  return ss_report_encode(pool, &read->small, thumb_quality, &found->picture, error);
}

static ss_status add_query(ss_pool *pool, const ss_report_album *album, const ss_neighbours *neighbours, reader *read,
                           int64_t point, ss_report_query *query, ss_error *error) {
  const int label = ss_source_label(album->source, album->subset.samples[point]);
  query->query.same = -1;
  query->found_count = neighbours->k < columns ? neighbours->k : columns;
  SS_TRY(add_found(pool, album, read, point, &query->query, error));
  SS_TRY(ss_pool_alloc(pool, (void **)&query->found, (size_t)query->found_count, sizeof *query->found, error));
  for (int i = 0; i < query->found_count; i++) {
    ss_report_found *found = &query->found[i];
    const int32_t other = neighbours->indices[point * neighbours->k + i];
    const int its = ss_source_label(album->source, album->subset.samples[other]);
    found->cosine = (double)neighbours->cosines[point * neighbours->k + i];
    found->same = label < 0 || its < 0 ? -1 : label == its;
    SS_TRY(add_found(pool, album, read, other, found, error));
  }
  return SS_OK;
}

ss_status ss_report_add_map(ss_pool *pool, const ss_report_album *album, const ss_embedding_map *map,
                            ss_report_run *run, ss_error *error) {
  reader read = {0};
  const ss_gallery pictures = {album->source, &album->subset};
  const int count = map->count < rows ? (int)map->count : rows;
  SS_TRY(add_points(pool, album, map, &run->map, error));
  SS_TRY(ss_pool_alloc(pool, (void **)&run->queries, (size_t)count, sizeof *run->queries, error));
  SS_TRY(ss_decoder_create(&read.decoder, error));
  ss_status status = SS_OK;
  for (int row = 0; row < count && status == SS_OK; row++) {
    status = add_query(pool, album, &map->neighbours, &read, ss_gallery_choose_query(pictures, row, count),
                       &run->queries[row], error);
    run->query_count += status == SS_OK;
  }
  close_reader(&read);
  return status;
}
