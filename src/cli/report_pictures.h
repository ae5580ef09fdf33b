/* The data's pictures in a report: the map of a run's features, with thumbnails, and nearest neighbours. */
#ifndef SS_CLI_REPORT_PICTURES_H
#define SS_CLI_REPORT_PICTURES_H

#include "eval/map.h"
#include "report/report.h"

/* Pictures that several runs are shown on. */
typedef struct ss_report_album {
  const char *data; /* borrowed */
  ss_source *source;
  ss_subset subset; /* of the test part, where there is one */
  int sprite;       /* of the report's */
} ss_report_album;

/* Opens DATA and draws its thumbnails as the report's next sprite (which has room for one more). */
ss_status ss_report_album_open(ss_report_page *report, const char *data, uint32_t limit, ss_report_album *album,
                               ss_error *error);
void ss_report_album_close(ss_report_album *album);

/* Fills the run's map and queries. */
ss_status ss_report_add_map(ss_pool *pool, const ss_report_album *album, const ss_embedding_map *map,
                            ss_report_run *run, ss_error *error);

/* A picture as JPEG for a page, which keeps it; `picture` gets the bytes, type and size. */
ss_status ss_report_encode(ss_pool *pool, const ss_image *image, int quality, ss_html_picture *picture,
                           ss_error *error);

#endif
