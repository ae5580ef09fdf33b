/* Inside engine/cuda: moving elements of any type, in packs as wide as the places allow. */
#ifndef SS_ENGINE_CUDA_MOVES_CUH
#define SS_ENGINE_CUDA_MOVES_CUH

#include "engine/cuda/launch.cuh"

enum { SS_WIDEST_PACK = 16 };

/* The bytes of the widest pack of which all places and sizes (or-ed together) are multiples. */
static inline int ss_pack_bytes(uint64_t places) {
  places |= SS_WIDEST_PACK;
  return (int)(places & (~places + 1));
}

/* Does the statement with T a type of that many bytes: 1, 2, 4, 8 or 16. */
#define SS_WITH_PACKS(bytes, T, statement) \
  do {                                     \
    switch (bytes) {                       \
      case 16: {                           \
        using T = ss_pack<uint32_t, 4>;    \
        statement;                         \
        break;                             \
      }                                    \
      case 8: {                            \
        using T = ss_pack<uint32_t, 2>;    \
        statement;                         \
        break;                             \
      }                                    \
      case 4: {                            \
        using T = uint32_t;                \
        statement;                         \
        break;                             \
      }                                    \
      case 2: {                            \
        using T = uint16_t;                \
        statement;                         \
        break;                             \
      }                                    \
      default: {                           \
        using T = uint8_t;                 \
        statement;                         \
        break;                             \
      }                                    \
    }                                      \
  } while (0)

#endif
