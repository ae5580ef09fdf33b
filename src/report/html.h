/* Pieces of HTML and SVG: text from outside that can do no harm there, pictures that are part of the page. */
#ifndef SS_REPORT_HTML_H
#define SS_REPORT_HTML_H

#include "base/text.h"

/* An encoded picture. */
typedef struct ss_html_picture {
  const uint8_t *bytes; /* of a file; NULL: none */
  size_t size;
  const char *type; /* "image/png" */
  int width, height;
  const char *text; /* what it shows, for those who cannot see it */
} ss_html_picture;

/* Appends a string so that it may stand in an element and in a quoted attribute: & < > " ' are escaped, control
 * characters and bytes that are not UTF-8 become U+FFFD. */
void ss_html_escape(ss_text *text, const char *string);

/* Appends "data:TYPE;base64,...". */
void ss_html_data_uri(ss_text *text, const char *type, const uint8_t *bytes, size_t size);

/* Appends an <img> of a class. */
void ss_html_img(ss_text *text, const ss_html_picture *picture, const char *class_name);

/* Appends a number as people read it, three digits of it or a whole number: "12.3", "0.0312",
 * "1,200"; "–" for NaN. */
void ss_html_number(ss_text *text, double value);
/* "34.8 %"; "–" for NaN. */
void ss_html_per_cent(ss_text *text, double value);

#endif
