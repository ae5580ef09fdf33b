/* LINEAR and MATMUL: by cuBLASLt (cublaslt.c), and in tiles. */
#include "engine/cuda/product.cuh"
extern "C" {
#include "engine/cuda/matmul_ways.h"
#include "engine/matmul.h"
}

template <class Inside, class A, class B, class C>
__global__ void product_kernel(ss_matrix<A> a, ss_matrix<B> b, float scale, const float *bias, bool relu, C *c) {
  const int64_t across = ss_tiles(b.columns), tiles = ss_tiles(a.rows) * across;
  const int64_t batch = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  const int64_t row = tile / across * SS_CUDA_TILE, column = tile % across * SS_CUDA_TILE;
  a.values += batch * a.rows * a.columns;
  b.values += batch * b.rows * b.columns;
  const float sum = ss_tile_product<Inside>(a, b, row, column);
  const int64_t own_row = row + threadIdx.y, own_column = column + threadIdx.x;
  if (own_row < a.rows && own_column < b.columns) {
    const C rounded = ss_narrow<C>(scale * sum + (bias ? bias[own_column] : 0.0f));
    c[(batch * a.rows + own_row) * b.columns + own_column] = relu ? ss_rectify(rounded) : rounded;
  }
}

template <class T>
static ss_matrix<T> matrix_of(const ss_product_operand &m, const void *values) {
  return ss_matrix<T>{(const T *)values, m.rows, m.columns, m.row_stride, m.column_stride};
}

template <class Inside, class A, class B, class C>
static ss_status launch_product(const ss_step *step, const ss_product &p) {
  const int64_t tiles = p.batch * ss_tiles(p.c.rows) * ss_tiles(p.c.columns);
  const float *bias = p.bias ? (const float *)step->in[2] : NULL;
  return ss_launch(product_kernel<Inside, A, B, C>, dim3((unsigned)tiles), dim3(SS_CUDA_TILE, SS_CUDA_TILE),
                   matrix_of<A>(p.a, step->in[0]), matrix_of<B>(p.b, step->in[1]), p.scale, bias, p.relu,
                   (C *)step->out[0]);
}

template <class C>
static ss_status launch_product_to(const ss_step *step, const ss_product &p) {
  const bool a = p.a.tensor->dtype == SS_BF16, b = p.b.tensor->dtype == SS_BF16;
  if (a && b) {
    return launch_product<bfloat16, bfloat16, bfloat16, C>(step, p);
  }
  return a   ? launch_product<bfloat16, bfloat16, float, C>(step, p)
         : b ? launch_product<bfloat16, float, bfloat16, C>(step, p)
             : launch_product<float, float, float, C>(step, p);
}

static ss_status run_product(const ss_step *step) {
  const ss_product p = ss_product_of(step->node);
  SS_WITH_FLOATS(p.c.tensor->dtype, C, return launch_product_to<C>(step, p));
}

static const ss_way ways[] = {
#if !SS_CUDA_EMULATED
    {"cublaslt", ss_cublaslt_supports, ss_cublaslt_prepare, ss_cublaslt_run, ss_cublaslt_release},
#endif
    {"loops", NULL, NULL, run_product, NULL},
};
const ss_kernel ss_cuda_linear = {ways, sizeof ways / sizeof ways[0]};
const ss_kernel ss_cuda_matmul = {ways, sizeof ways / sizeof ways[0]};
