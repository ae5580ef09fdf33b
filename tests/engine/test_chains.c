/* Chains of element-wise nodes on the GPU: as many nodes as can be expected are left, and every number is, to the bit,
 * what the nodes compute one by one. */
#include "support.h"

#include "base/random.h"
#include "engine/chain.h"
#include "engine/kernel.h"
#include "engine/work.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- graphs, planned with chains and without ---- */

enum { MOST_FULL = 10, MOST_CHANNELS = 4, RUNS = 3 }; /* the second run is recorded, the third replays it */

/* What a graph can be made of. */
typedef struct ingredients {
  ss_tensor *full[MOST_FULL];         /* float32 */
  ss_tensor *channels[MOST_CHANNELS]; /* float32, broadcast over all but the last axis */
  ss_tensor *places;                  /* float32, broadcast along the last axis */
  ss_tensor *narrow, *integers, *bytes;
  uint64_t seed;
} ingredients;

/* Keeps what is to be compared. */
typedef void (*record_function)(ss_graph *graph, const ingredients *in);

typedef struct planned {
  ss_graph *graph;
  ss_plan *plan;
} planned;

static ingredients make_inputs(ss_graph *graph, ss_shape shape, uint64_t seed) {
  ingredients in = {.seed = seed};
  ss_shape places = shape;
  places.dims[shape.rank - 1] = 1;
  for (int i = 0; i < MOST_FULL; i++) {
    in.full[i] = ss_graph_input(graph, "full", SS_F32, shape);
    ss_graph_want_gradient(graph, in.full[i]);
  }
  for (int i = 0; i < MOST_CHANNELS; i++) {
    in.channels[i] = ss_graph_input(graph, "channels", SS_F32, ss_shape_of(shape.dims[shape.rank - 1]));
    ss_graph_want_gradient(graph, in.channels[i]);
  }
  in.places = ss_graph_input(graph, "places", SS_F32, places);
  in.narrow = ss_graph_input(graph, "narrow", SS_BF16, shape);
  ss_graph_want_gradient(graph, in.narrow);
  in.integers = ss_graph_input(graph, "integers", SS_I32, shape);
  in.bytes = ss_graph_input(graph, "bytes", SS_U8, shape);
  return in;
}

static void fill(const ss_plan *plan, const ss_tensor *tensor) {
  const int64_t count = ss_shape_count(tensor->shape);
  ss_random random = ss_random_stream(1, SS_RANDOM_METHOD, 0, (uint64_t)tensor->id, 0);
  float *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < count; i++) {
    values[i] = tensor->dtype == SS_I32 ? (float)ss_random_below(&random, 1000) : ss_random_normal(&random);
  }
  if (tensor->dtype != SS_U8) {
    support_write(plan, tensor, values);
  }
  for (int64_t i = 0; tensor->dtype == SS_U8 && i < count; i++) {
    ((uint8_t *)ss_plan_data(plan, tensor))[i] = (uint8_t)ss_random_below(&random, 256);
  }
  free(values);
}

static planned plan_on(const ss_device *device, record_function record, ss_shape shape, uint64_t seed, bool separate) {
  planned p = {.graph = ss_graph_new(NULL, &(ss_graph_options){.compute = SS_F32, .training = true})};
  const ingredients in = make_inputs(p.graph, shape, seed);
  record(p.graph, &in);
  ss_error error = {{0}};
  if (ss_plan_new(p.graph, &(ss_plan_options){.device = device, .threads = 2, .separate = separate}, &p.plan, &error) !=
      SS_OK) {
    fail_msg("not planned: %s", error.message);
  }
  return p;
}

static void release(planned *p) {
  ss_plan_free(p->plan);
  ss_graph_free(p->graph);
}

static void run(const planned *p) {
  for (size_t i = 0; i < p->graph->tensor_count; i++) {
    if (p->graph->tensors[i]->kind == SS_TENSOR_INPUT) {
      fill(p->plan, p->graph->tensors[i]);
    }
  }
  for (int i = 0; i < RUNS; i++) {
    support_run(p->plan);
  }
}

static bool same(float a, float b) {
  uint32_t bits[2];
  memcpy(&bits[0], &a, sizeof a);
  memcpy(&bits[1], &b, sizeof b);
  return bits[0] == bits[1] || (isnan(a) && isnan(b));
}

/* Every kept tensor. Returns how many of the numbers are finite. */
static int64_t compare(const char *name, const planned *expected, const planned *p) {
  int64_t finite = 0;
  for (size_t i = 0; i < expected->graph->tensor_count; i++) {
    if (!expected->graph->tensors[i]->kept) {
      continue;
    }
    float *values = support_read(expected->plan, expected->graph->tensors[i]);
    float *others = support_read(p->plan, p->graph->tensors[i]);
    for (int64_t k = 0; k < ss_shape_count(expected->graph->tensors[i]->shape); k++) {
      finite += isfinite(values[k]) != 0;
      if (!same(values[k], others[k])) {
        fail_msg("%s: number %lld of tensor %zu is %.9g, in a chain %.9g", name, (long long)k, i, (double)values[k],
                 (double)others[k]);
      }
    }
    free(values);
    free(others);
  }
  return finite;
}

/* ---- what is merged ---- */

static void sequence(ss_graph *graph, const ingredients *in) {
  ss_tensor *y = ss_multiply(graph, ss_relu(graph, ss_affine(graph, in->full[0], 1.3f, 0.1f)), in->channels[0]);
  ss_graph_keep(graph, ss_cast(graph, y, SS_BF16));
}

static void tree(ss_graph *graph, const ingredients *in) {
  ss_tensor *left = ss_multiply(graph, in->full[0], in->channels[0]);
  ss_tensor *right = ss_multiply(graph, in->narrow, ss_tanh(graph, in->full[1]));
  ss_graph_keep(graph, ss_subtract(graph, left, right)); /* in which no product is rounded once with its sum */
}

static void bf16_between(ss_graph *graph, const ingredients *in) {
  ss_tensor *sum = ss_add(graph, in->narrow, ss_cast(graph, in->full[0], SS_BF16));
  ss_graph_keep(graph, ss_cast(graph, ss_affine(graph, sum, 1.7f, 0.3f), SS_F32));
}

static void integers(ss_graph *graph, const ingredients *in) {
  ss_tensor *whole = ss_affine(graph, ss_cast(graph, in->integers, SS_F32), 0.37f, -1.0f);
  ss_tensor *byte = ss_affine(graph, ss_cast(graph, in->bytes, SS_BF16), 0.11f, 0.5f);
  ss_graph_keep(graph, ss_add(graph, whole, byte));
}

static void twice_by_one_reader(ss_graph *graph, const ingredients *in) {
  ss_tensor *x = ss_affine(graph, in->full[0], 1.3f, 0.1f);
  ss_graph_keep(graph, ss_multiply(graph, x, x));
}

/* x is merged once its readers have become one. */
static void readers_that_merge(ss_graph *graph, const ingredients *in) {
  ss_tensor *x = ss_affine(graph, in->full[0], 1.3f, 0.1f);
  ss_graph_keep(graph, ss_multiply(graph, x, ss_sigmoid(graph, x)));
}

static void two_readers(ss_graph *graph, const ingredients *in) {
  ss_tensor *x = ss_affine(graph, in->full[0], 1.3f, 0.1f);
  ss_graph_keep(graph, ss_relu(graph, x));
  ss_graph_keep(graph, ss_tanh(graph, x));
}

static void kept_between(ss_graph *graph, const ingredients *in) {
  ss_tensor *x = ss_graph_keep(graph, ss_affine(graph, in->full[0], 1.3f, 0.1f));
  ss_graph_keep(graph, ss_exp(graph, ss_relu(graph, x)));
}

static void seen_otherwise(ss_graph *graph, const ingredients *in) {
  ss_tensor *x = ss_affine(graph, in->full[0], 1.3f, 0.1f);
  ss_graph_keep(graph, ss_relu(graph, ss_reshape(graph, x, ss_shape_of(-1))));
}

static void other_work_between(ss_graph *graph, const ingredients *in) {
  ss_tensor *x = ss_affine(graph, in->full[0], 1.3f, 0.1f);
  ss_graph_keep(graph, ss_reduce_sum(graph, in->full[1], 1u, false));
  ss_graph_keep(graph, ss_relu(graph, x));
}

static void of_fewer_elements(ss_graph *graph, const ingredients *in) {
  ss_graph_keep(graph, ss_add(graph, in->full[0], ss_affine(graph, in->channels[0], 2.0f, 0.0f)));
}

static void only_broadcast(ss_graph *graph, const ingredients *in) {
  ss_tensor *outer = ss_multiply(graph, in->places, in->channels[0]);
  ss_graph_keep(graph, ss_cast(graph, outer, SS_BF16));
}

static void too_long(ss_graph *graph, const ingredients *in) {
  ss_tensor *x = in->full[0];
  for (int i = 0; i < SS_CHAIN_LENGTH + 2; i++) {
    x = ss_affine(graph, x, 1.1f, -0.2f);
  }
  ss_graph_keep(graph, x);
}

static void too_many_inputs(ss_graph *graph, const ingredients *in) {
  ss_tensor *sum = in->full[0];
  for (int i = 1; i < MOST_FULL; i++) {
    sum = ss_add(graph, sum, in->full[i]);
  }
  ss_graph_keep(graph, sum);
}

static void too_many_broadcast(ss_graph *graph, const ingredients *in) {
  ss_tensor *sum = in->full[0];
  for (int i = 0; i < MOST_CHANNELS; i++) {
    sum = ss_add(graph, sum, in->channels[i]);
  }
  ss_graph_keep(graph, sum);
}

static const struct {
  const char *name;
  record_function record;
  size_t nodes, left;
} cases[] = {
    {"a sequence", sequence, 4, 1},
    {"a tree", tree, 4, 1},
    {"bf16 between", bf16_between, 4, 1},
    {"integers", integers, 5, 1},
    {"read twice by one", twice_by_one_reader, 2, 1},
    {"readers that merge", readers_that_merge, 3, 1},
    {"two readers", two_readers, 3, 3},
    {"kept between", kept_between, 3, 2},
    {"seen otherwise", seen_otherwise, 3, 3},
    {"other work between", other_work_between, 3, 3},
    {"of fewer elements", of_fewer_elements, 2, 2},
    {"only broadcast inputs", only_broadcast, 2, 1},
    {"too long", too_long, SS_CHAIN_LENGTH + 2, 2},
    {"too many inputs", too_many_inputs, MOST_FULL - 1, 2},
    {"too many broadcast inputs", too_many_broadcast, MOST_CHANNELS, 2},
};

static void test_what_is_merged(void **state) {
  (void)state;
  const ss_device *gpu = support_gpu();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    planned apart = plan_on(gpu, cases[i].record, ss_shape_of(3, 7, 5), 0, true);
    planned merged = plan_on(gpu, cases[i].record, ss_shape_of(3, 7, 5), 0, false);
    if (ss_plan_node_count(apart.plan) != cases[i].nodes || ss_plan_node_count(merged.plan) != cases[i].left) {
      fail_msg("%s: %zu nodes become %zu, not %zu become %zu", cases[i].name, ss_plan_node_count(apart.plan),
               ss_plan_node_count(merged.plan), cases[i].nodes, cases[i].left);
    }
    run(&apart);
    run(&merged);
    compare(cases[i].name, &apart, &merged);
    release(&apart);
    release(&merged);
  }
}

static void test_not_on_the_processors(void **state) {
  (void)state;
  planned p = plan_on(ss_device_cpu(), sequence, ss_shape_of(3, 7, 5), 0, false);
  assert_int_equal(ss_plan_node_count(p.plan), 4);
  release(&p);
}

static void test_work(void **state) {
  (void)state;
  char text[160];
  planned p = plan_on(support_gpu(), sequence, ss_shape_of(3, 7, 5), 0, false);
  const ss_node *node = p.graph->nodes[0];
  assert_int_equal(node->operation, SS_OP_CHAIN);
  assert_true(ss_node_work(node).flops == 0.0);
  assert_true(ss_node_work(node).bytes == 4.0 * (105 + 5) + 2.0 * 105);
  assert_string_equal(ss_node_sizes(node, text), "3x7x5");
  release(&p);
}

/* ---- random graphs ---- */

/* A function of tensors of any kind that keeps numbers from growing. */
static ss_tensor *draw_operation(ss_graph *graph, ss_random *random, ss_tensor *a, ss_tensor *b) {
  switch (ss_random_below(random, 18)) {
    case 0:
      return ss_relu(graph, a);
    case 1:
      return ss_leaky_relu(graph, a, 0.3f);
    case 2:
      return ss_sigmoid(graph, a);
    case 3:
      return ss_tanh(graph, a);
    case 4:
      return ss_exp(graph, ss_tanh(graph, a));
    case 5:
      return ss_log(graph, ss_affine(graph, ss_abs(graph, a), 0.7f, 0.3f));
    case 6:
      return ss_sqrt(graph, ss_affine(graph, ss_square(graph, a), 0.7f, 0.3f));
    case 7:
      return ss_affine(graph, a, -0.6f, 0.2f);
    case 8:
      return ss_divide(graph, a, ss_affine(graph, ss_square(graph, b), 1.0f, 0.9f));
    case 9:
      return ss_cast(graph, a, SS_BF16);
    case 10:
      return ss_cast(graph, a, SS_F32);
    case 11:
      return ss_stop_gradient(graph, a);
    case 12:
      return ss_multiply(graph, ss_tanh(graph, a), b);
    case 13:
    case 14:
      return ss_subtract(graph, a, b);
    default:
      return ss_add(graph, a, b);
  }
}

/* Operations on a growing pool of tensors, some of them kept, and the gradients of all inputs. */
static void random_graph(ss_graph *graph, const ingredients *in) {
  enum { OPERATIONS = 14, MOST = 5 + OPERATIONS };
  ss_random random = ss_random_stream(in->seed, SS_RANDOM_METHOD, 1, 0, 0);
  ss_tensor *pool[MOST] = {in->full[0], in->full[1], in->narrow, in->channels[0], in->places};
  ss_tensor *loss = NULL;
  for (int count = 5; count < MOST; count++) {
    /* Mostly the newest, so that there are chains. */
    ss_tensor *a = pool[ss_random_below(&random, 3) ? count - 1 : (int)ss_random_below(&random, (uint32_t)count)];
    ss_tensor *b = pool[ss_random_below(&random, (uint32_t)count)];
    pool[count] = draw_operation(graph, &random, a, b);
    if (ss_random_below(&random, 8) == 0) {
      ss_graph_keep(graph, pool[count]);
    }
    if (ss_random_below(&random, 4) == 0 || count + 1 == MOST) {
      ss_tensor *x = ss_cast(graph, pool[count], SS_F32);
      ss_tensor *sum = ss_reduce_sum(graph, x, (1u << ss_tensor_shape(x).rank) - 1, false);
      loss = loss ? ss_add(graph, loss, sum) : sum;
    }
  }
  ss_graph_backward(graph, loss, "");
}

static void test_random_graphs(void **state) {
  (void)state;
  const ss_device *gpu = support_gpu();
  const ss_shape shapes[] = {ss_shape_of(3, 5, 7, 6), ss_shape_of(2, 1, 17), ss_shape_of(1, 1), ss_shape_of(13, 1),
                             ss_shape_of(2, 33, 31, 9)};
  enum { SHAPES = sizeof shapes / sizeof shapes[0], GRAPHS = 100 };
  size_t nodes = 0, left = 0;
  int64_t finite = 0;
  for (uint64_t seed = 0; seed < GRAPHS; seed++) {
    char name[40];
    snprintf(name, sizeof name, "graph %d", (int)seed);
    planned apart = plan_on(gpu, random_graph, shapes[seed % SHAPES], seed, true);
    planned merged = plan_on(gpu, random_graph, shapes[seed % SHAPES], seed, false);
    nodes += ss_plan_node_count(apart.plan);
    left += ss_plan_node_count(merged.plan);
    run(&apart);
    run(&merged);
    finite += compare(name, &apart, &merged);
    release(&apart);
    release(&merged);
  }
  print_message("%zu nodes became %zu, %lld numbers are the same\n", nodes, left, (long long)finite);
  assert_true(left < nodes * 3 / 4);
  assert_true(finite > 100000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_merged),
      cmocka_unit_test(test_not_on_the_processors),
      cmocka_unit_test(test_work),
      cmocka_unit_test(test_random_graphs),
  };
  return cmocka_run_group_tests_name("chains", tests, NULL, NULL);
}
