#include "methods/colour_bins.h"

#include "augment/lab.h"

#include <math.h>
#include <pthread.h>

/* The bins' rows: at this a, b goes from `low` to `high` in steps of 10. */
static const struct {
  int16_t a, low, high;
} rows[] = {{-90, 50, 90},   {-80, 20, 90},   {-70, 0, 90},    {-60, -20, 90},  {-50, -30, 100},
            {-40, -40, 100}, {-30, -50, 100}, {-20, -50, 100}, {-10, -60, 100}, {0, -70, 100},
            {10, -80, 90},   {20, -80, 90},   {30, -90, 90},   {40, -100, 90},  {50, -100, 80},
            {60, -110, 80},  {70, -110, 80},  {80, -110, 70},  {90, -110, 70},  {100, -90, 0}};

static float centres[SS_COLOUR_BINS][2];

/* The plane in small squares, each with the bins that can be among the five nearest of a colour inside of it. */
enum { CELL = 5, REACH = 130, CELLS = 2 * REACH / CELL, CANDIDATES = 24 };
static int16_t candidates[CELLS][CELLS][CANDIDATES]; /* ended by -1 */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The distance of x from the interval [low, low + CELL], to its nearest point or its furthest. */
static float nearest_way(float x, float low) {
  return x < low ? low - x : x > low + CELL ? x - low - CELL : 0;
}

static float furthest_way(float x, float low) {
  return fmaxf(fabsf(x - low), fabsf(x - low - CELL));
}

static void find_candidates(float a, float b, int16_t *list) {
  float reach[SS_COLOUR_NEIGHBOURS]; /* the smallest furthest ways: five bins are within the last everywhere here */
  for (int i = 0; i < SS_COLOUR_NEIGHBOURS; i++) {
    reach[i] = INFINITY;
  }
  for (int bin = 0; bin < SS_COLOUR_BINS; bin++) {
    float way = hypotf(furthest_way(centres[bin][0], a), furthest_way(centres[bin][1], b));
    for (int i = 0; i < SS_COLOUR_NEIGHBOURS; i++) {
      const float other = reach[i];
      reach[i] = fminf(way, other);
      way = fmaxf(way, other);
    }
  }
  int count = 0;
  for (int16_t bin = 0; bin < SS_COLOUR_BINS; bin++) {
    const float way = hypotf(nearest_way(centres[bin][0], a), nearest_way(centres[bin][1], b));
    if (way <= reach[SS_COLOUR_NEIGHBOURS - 1] + 1e-3f && count < CANDIDATES - 1) {
      list[count++] = bin;
    }
  }
  list[count] = -1;
}

static void make_tables(void) {
  int bin = 0;
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
    for (int b = rows[row].low; b <= rows[row].high; b += SS_COLOUR_BIN_SIZE, bin++) {
      centres[bin][0] = rows[row].a;
      centres[bin][1] = (float)b;
    }
  }
  for (int y = 0; y < CELLS; y++) {
    for (int x = 0; x < CELLS; x++) {
      find_candidates((float)(y * CELL - REACH), (float)(x * CELL - REACH), candidates[y][x]);
    }
  }
}

ss_colour_centres *ss_colour_bins(void) {
  pthread_once(&once, make_tables);
  return (ss_colour_centres *)&centres;
}

static int cell_of(float x) {
  const float cell = (x + REACH) / CELL;
  return cell >= CELLS ? CELLS - 1 : cell > 0 ? (int)cell : 0;
}

/* Shares of a Gaussian from squared distances, which are taken from the first: it is the least, so none is lost. */
static void gaussian_shares(const float *squares, int count, double sigma, float *shares) {
  float sum = 0;
  for (int i = 0; i < count; i++) {
    shares[i] = expf((squares[0] - squares[i]) / (float)(2 * sigma * sigma));
    sum += shares[i];
  }
  for (int i = 0; i < count; i++) {
    shares[i] /= sum;
  }
}

void ss_colour_encode(const float *ab, size_t count, int32_t *bins, float *shares) {
  pthread_once(&once, make_tables);
  for (size_t i = 0; i < count; i++, bins += SS_COLOUR_NEIGHBOURS, shares += SS_COLOUR_NEIGHBOURS) {
    const float a = fminf(fmaxf(ab[2 * i], -REACH), REACH), b = fminf(fmaxf(ab[2 * i + 1], -REACH), REACH);
    float squares[SS_COLOUR_NEIGHBOURS] = {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
    for (const int16_t *candidate = candidates[cell_of(a)][cell_of(b)]; *candidate >= 0; candidate++) {
      const float da = a - centres[*candidate][0], db = b - centres[*candidate][1];
      const float square = da * da + db * db;
      int place = SS_COLOUR_NEIGHBOURS;
      while (place > 0 && square < squares[place - 1]) {
        place--;
        if (place + 1 < SS_COLOUR_NEIGHBOURS) {
          squares[place + 1] = squares[place];
          bins[place + 1] = bins[place];
        }
      }
      if (place < SS_COLOUR_NEIGHBOURS) {
        squares[place] = square;
        bins[place] = *candidate;
      }
    }
    gaussian_shares(squares, SS_COLOUR_NEIGHBOURS, SS_COLOUR_SIGMA, shares);
  }
}

static float lightness_centre(int bin) {
  return (float)(bin * SS_LIGHTNESS_BIN_SIZE) + SS_LIGHTNESS_BIN_SIZE / 2.0f;
}

void ss_lightness_encode(const float *lightness, size_t count, int32_t *bins, float *shares) {
  for (size_t i = 0; i < count; i++, bins += SS_LIGHTNESS_NEIGHBOURS, shares += SS_LIGHTNESS_NEIGHBOURS) {
    const float light = fminf(fmaxf(lightness[i], 0.0f), 100.0f);
    const int own = (int)fminf(light / SS_LIGHTNESS_BIN_SIZE, SS_LIGHTNESS_BINS - 1);
    /* The own one, then its neighbours, the nearer first; at an end both on the same side. */
    const int near = light < lightness_centre(own) ? -1 : 1;
    bins[0] = own;
    bins[1] = own + near;
    bins[2] = own - near;
    if (own == 0 || own == SS_LIGHTNESS_BINS - 1) {
      bins[1] = own == 0 ? 1 : own - 1;
      bins[2] = own == 0 ? 2 : own - 2;
    }
    float squares[SS_LIGHTNESS_NEIGHBOURS];
    for (int k = 0; k < SS_LIGHTNESS_NEIGHBOURS; k++) {
      const float way = light - lightness_centre(bins[k]);
      squares[k] = way * way;
    }
    gaussian_shares(squares, SS_LIGHTNESS_NEIGHBOURS, SS_LIGHTNESS_SIGMA, shares);
  }
}

void ss_colour_rebalance(const double counts[SS_COLOUR_BINS], double sigma, double lambda, double prior[SS_COLOUR_BINS],
                         float weights[SS_COLOUR_BINS]) {
  ss_colour_centres *at = ss_colour_bins();
  double smooth[SS_COLOUR_BINS] = {0}, total = 0;
  for (int from = 0; from < SS_COLOUR_BINS; from++) {
    double kernel[SS_COLOUR_BINS], sum = 0;
    for (int to = 0; to < SS_COLOUR_BINS; to++) {
      const double da = (double)((*at)[to][0] - (*at)[from][0]), db = (double)((*at)[to][1] - (*at)[from][1]);
      kernel[to] = exp(-(da * da + db * db) / (2 * sigma * sigma));
      sum += kernel[to];
    }
    for (int to = 0; to < SS_COLOUR_BINS; to++) {
      smooth[to] += counts[from] * kernel[to] / sum;
    }
    total += counts[from];
  }
  double expectation = 0;
  for (int bin = 0; bin < SS_COLOUR_BINS; bin++) {
    smooth[bin] = total > 0 ? smooth[bin] / total : 1.0 / SS_COLOUR_BINS;
    expectation += smooth[bin] / ((1 - lambda) * smooth[bin] + lambda / SS_COLOUR_BINS);
  }
  for (int bin = 0; bin < SS_COLOUR_BINS; bin++) {
    weights[bin] = (float)(1 / ((1 - lambda) * smooth[bin] + lambda / SS_COLOUR_BINS) / expectation);
    if (prior) {
      prior[bin] = smooth[bin];
    }
  }
}

/* Of logits (N, K) and K points of `dims` numbers. */
static ss_tensor *annealed_mean(ss_graph *graph, ss_tensor *logits, float temperature, const float *points,
                                int64_t bins, int64_t dims) {
  if (!logits) {
    return NULL;
  }
  ss_tensor *shares = ss_softmax(graph, ss_affine(graph, ss_cast(graph, logits, SS_F32), 1.0f / temperature, 0.0f));
  return ss_matmul(graph, shares, false, ss_graph_constant(graph, ss_shape_of(bins, dims), points), false, 1.0f);
}

ss_tensor *ss_colour_annealed_mean(ss_graph *graph, ss_tensor *logits, float temperature) {
  ss_colour_centres *at = ss_colour_bins();
  float points[SS_COLOUR_BINS][2];
  for (int bin = 0; bin < SS_COLOUR_BINS; bin++) {
    points[bin][0] = (*at)[bin][0] / SS_LAB_COLOUR_SCALE;
    points[bin][1] = (*at)[bin][1] / SS_LAB_COLOUR_SCALE;
  }
  return annealed_mean(graph, logits, temperature, *points, SS_COLOUR_BINS, 2);
}

ss_tensor *ss_lightness_annealed_mean(ss_graph *graph, ss_tensor *logits, float temperature) {
  float points[SS_LIGHTNESS_BINS];
  for (int bin = 0; bin < SS_LIGHTNESS_BINS; bin++) {
    points[bin] = (lightness_centre(bin) - SS_LAB_MIDDLE) / SS_LAB_LIGHTNESS_SCALE;
  }
  return annealed_mean(graph, logits, temperature, points, SS_LIGHTNESS_BINS, 1);
}
