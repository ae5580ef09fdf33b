/* Limited-memory BFGS with a strong-Wolfe line search (Nocedal and Wright, Numerical Optimization, 2nd edition,
 * algorithms 7.4, 3.5 and 3.6). */
#ifndef SS_EVAL_LBFGS_H
#define SS_EVAL_LBFGS_H

#include "base/status.h"

/* Writes the gradient at x (n) and the value. */
typedef ss_status (*ss_objective)(void *context, const double *x, double *value, double *gradient, ss_error *error);

typedef struct ss_lbfgs_options {
  int iterations;            /* at most; 0: 100 */
  int history;               /* pairs remembered; 0: 100 */
  double gradient_tolerance; /* stops when the largest gradient is below; 0: 1e-7 */
  double change_tolerance;   /* stops when neither x nor the value change by more; 0: 1e-9 */
  int threads;               /* for the vectors; 0: 1 */
} ss_lbfgs_options;

/* Minimises from x (n), in place; *value is the value there. */
ss_status ss_lbfgs(ss_objective objective, void *context, double *x, size_t n, const ss_lbfgs_options *options,
                   double *value, ss_error *error);

#endif
