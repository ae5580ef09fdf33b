/* SRGAN's generator against PyTorch (golden/make_superres.py), values and gradients. */
#include "../engine/support.h"

#include "methods/srresnet.h"

static ss_tensor *record(ss_graph *graph, ss_tensor *const *inputs, const void *context) {
  return ss_srresnet(graph, inputs[0], context, "generator");
}

static void as_pytorch(void **state) {
  (void)state;
  const ss_srresnet_options options = {.blocks = 2, .channels = 3};
  const support_case test = {.name = "generator",
                             .record = record,
                             .context = &options,
                             .input_count = 1,
                             .shapes = {ss_shape_of(2, 5, 4, 3)}};
  support_check_golden(&test, "superres:generator", SS_F32, 2e-5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
