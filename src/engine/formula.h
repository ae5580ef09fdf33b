/* Inside the engine: functions of one number or a few, inlined into the kernels of the processors and of GPUs. */
#ifndef SS_ENGINE_FORMULA_H
#define SS_ENGINE_FORMULA_H

/* Inlined always, so that an argument that is constant at the call is one in the loop. */
#ifdef __CUDACC__
#define SS_FORMULA static __device__ __forceinline__
#else
#define SS_FORMULA static inline __attribute__((always_inline))
#endif

#endif
