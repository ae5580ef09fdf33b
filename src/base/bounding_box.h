/* Boxes in a picture. */
#ifndef SS_BASE_BOUNDING_BOX_H
#define SS_BASE_BOUNDING_BOX_H

/* In pixels, from the picture's upper left corner: columns left to right, rows top to bottom; a picture of 10 x 10
 * pixels is covered by {0, 0, 10, 10}. */
typedef struct ss_bounding_box {
  float left, top, right, bottom;
} ss_bounding_box;

/* Of a box turned inside out: 0. */
static inline double ss_bounding_box_area(const ss_bounding_box *box) {
  const double width = (double)box->right - box->left, height = (double)box->bottom - box->top;
  return width > 0.0 && height > 0.0 ? width * height : 0.0;
}

/* The area that both cover. */
static inline double ss_bounding_box_overlap(const ss_bounding_box *a, const ss_bounding_box *b) {
  const ss_bounding_box both = {.left = a->left > b->left ? a->left : b->left,
                                .top = a->top > b->top ? a->top : b->top,
                                .right = a->right < b->right ? a->right : b->right,
                                .bottom = a->bottom < b->bottom ? a->bottom : b->bottom};
  return ss_bounding_box_area(&both);
}

/* Intersection over union, 0 to 1; 0 of two empty boxes. */
static inline double ss_bounding_box_iou(const ss_bounding_box *a, const ss_bounding_box *b) {
  const double overlap = ss_bounding_box_overlap(a, b),
               all = ss_bounding_box_area(a) + ss_bounding_box_area(b) - overlap;
  return all > 0.0 ? overlap / all : 0.0;
}

#endif
