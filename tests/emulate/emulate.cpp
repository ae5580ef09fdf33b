#include "cuda_runtime.h"

#include <ucontext.h>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;

/* ---- threads of a block: each on a stack of its own, which it leaves at barriers ---- */

namespace {

enum waiting { RUNNING, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };
constexpr size_t stack_bytes = 128 << 10;
constexpr int warp_size = 32;

struct fiber {
  std::unique_ptr<char[]> stack{new char[stack_bytes]};
  ucontext_t first;
  jmp_buf left;
  bool entered = false;
  waiting state = DONE;
  dim3 thread;
};

std::vector<std::unique_ptr<fiber>> fibers;
const std::function<void()> *body;
jmp_buf scheduler;
fiber *current;
int current_index;
uint64_t exchanged[1024];

/* A stack is entered once; after a thread's end it waits for the next. */
void live(void) {
  for (;;) {
    (*body)();
    current->state = DONE;
    if (_setjmp(current->left) == 0) {
      _longjmp(scheduler, 1);
    }
  }
}

void resume(int index) {
  current = fibers[index].get();
  current_index = index;
  threadIdx = current->thread;
  current->state = RUNNING;
  if (_setjmp(scheduler) == 0) {
    if (current->entered) {
      _longjmp(current->left, 1);
    }
    current->entered = true;
    getcontext(&current->first);
    current->first.uc_stack.ss_sp = current->stack.get();
    current->first.uc_stack.ss_size = stack_bytes;
    current->first.uc_link = nullptr;
    makecontext(&current->first, live, 0);
    setcontext(&current->first);
  }
}

void wait_at(waiting barrier) {
  fiber *self = current;
  self->state = barrier;
  if (_setjmp(self->left) == 0) {
    _longjmp(scheduler, 1);
  }
}

/* Whether every thread of [begin, end) that goes on is at `barrier`. */
bool all_at(waiting barrier, int begin, int end) {
  for (int i = begin; i < end; i++) {
    if (fibers[i]->state != barrier && fibers[i]->state != DONE) {
      return false;
    }
  }
  return true;
}

void run_block(int threads) {
  for (int i = 0; i < threads; i++) {
    resume(i);
  }
  for (;;) {
    bool moved = false;
    for (int begin = 0; begin < threads; begin += warp_size) {
      const int end = begin + warp_size < threads ? begin + warp_size : threads;
      if (!all_at(DONE, begin, end) && all_at(AT_WARP_BARRIER, begin, end)) {
        moved = true;
        for (int i = begin; i < end; i++) {
          if (fibers[i]->state == AT_WARP_BARRIER) {
            resume(i);
          }
        }
      }
    }
    if (!moved) {
      if (all_at(DONE, 0, threads)) {
        return;
      }
      if (!all_at(AT_BLOCK_BARRIER, 0, threads)) {
        fprintf(stderr, "emulated CUDA: the threads of a block wait at different barriers\n");
        abort();
      }
      for (int i = 0; i < threads; i++) {
        if (fibers[i]->state == AT_BLOCK_BARRIER) {
          resume(i);
        }
      }
    }
  }
}

void run_grid(dim3 grid, dim3 block, const std::function<void()> &work) {
  const int threads = (int)(block.x * block.y * block.z);
  if (threads < 1 || threads > 1024 || grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.y > 65535 || grid.z > 65535) {
    fprintf(stderr, "emulated CUDA: no launch of (%u, %u, %u) blocks of (%u, %u, %u) threads\n", grid.x, grid.y, grid.z,
            block.x, block.y, block.z);
    abort();
  }
  while ((int)fibers.size() < threads) {
    fibers.emplace_back(new fiber);
  }
  for (int i = 0; i < threads; i++) {
    fibers[i]->thread = dim3((unsigned)i % block.x, (unsigned)i / block.x % block.y, (unsigned)i / block.x / block.y);
  }
  body = &work;
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z; z++) {
    for (unsigned y = 0; y < grid.y; y++) {
      for (unsigned x = 0; x < grid.x; x++) {
        blockIdx = dim3(x, y, z);
        run_block(threads);
      }
    }
  }
}

}  // namespace

void __syncthreads(void) {
  wait_at(AT_BLOCK_BARRIER);
  threadIdx = current->thread;
}

void __syncwarp(unsigned) {
  wait_at(AT_WARP_BARRIER);
  threadIdx = current->thread;
}

int emulated_lane(void) {
  return current_index % warp_size;
}

uint64_t emulated_exchange(uint64_t value, int from) {
  const int self = current_index, warp = self / warp_size * warp_size;
  exchanged[self] = value;
  __syncwarp();
  const uint64_t other = exchanged[warp + from];
  __syncwarp();
  return other;
}

unsigned emulated_ballot(bool value) {
  const int self = current_index, warp = self / warp_size * warp_size;
  unsigned bits = 0;
  exchanged[self] = value;
  __syncwarp();
  for (int lane = 0; lane < warp_size; lane++) {
    bits |= (unsigned)exchanged[warp + lane] << lane;
  }
  __syncwarp();
  return bits;
}

/* ---- streams and graphs: all is done at once, or recorded ---- */

struct emulated_graph {
  std::vector<std::function<void()>> work;
};

namespace {
emulated_graph *recording;

void work(std::function<void()> what) {
  if (recording) {
    recording->work.push_back(std::move(what));
  } else {
    what();
  }
}
}  // namespace

void emulated_launch(dim3 grid, dim3 block, const std::function<void()> &what) {
  work([=] { run_grid(grid, block, what); });
}

/* ---- memory ---- */

namespace {
constexpr size_t guard_bytes = 256;
constexpr unsigned char guard = 0xA5;
std::map<void *, size_t> sizes;

void check_guard(const unsigned char *at, const void *memory, const char *side) {
  for (size_t i = 0; i < guard_bytes; i++) {
    if (at[i] != guard) {
      fprintf(stderr, "emulated CUDA: written %s device memory %p\n", side, memory);
      abort();
    }
  }
}
}  // namespace

extern "C" {

const char *cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : error == cudaErrorMemoryAllocation ? "out of memory" : "invalid argument";
}
const char *cudaGetErrorName(cudaError_t error) {
  return error == cudaSuccess ? "cudaSuccess" : "cudaErrorInvalidValue";
}
cudaError_t cudaGetLastError(void) {
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int *count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int) {
  *properties = cudaDeviceProp();
  snprintf(properties->name, sizeof properties->name, "emulated on the processors");
  properties->totalGlobalMem = (size_t)1 << 30;
  properties->multiProcessorCount = 2;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
  *available = *total = (size_t)1 << 30;
  for (const auto &entry : sizes) {
    *available -= entry.second;
  }
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *) {
  attributes->type = 0;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
  *event = nullptr;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t) {
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaMalloc(void **out, size_t bytes) {
  size_t available, total;
  cudaMemGetInfo(&available, &total);
  unsigned char *memory =
      bytes <= available ? (unsigned char *)aligned_alloc(256, (bytes + 2 * guard_bytes + 255) / 256 * 256) : nullptr;
  if (!memory) {
    return cudaErrorMemoryAllocation;
  }
  memset(memory, guard, guard_bytes);
  memset(memory + guard_bytes, 0xFF, bytes); /* NaNs: what is read before it is written shows */
  memset(memory + guard_bytes + bytes, guard, guard_bytes);
  *out = memory + guard_bytes;
  sizes[*out] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void *memory) {
  if (memory) {
    unsigned char *at = (unsigned char *)memory;
    check_guard(at - guard_bytes, memory, "before");
    check_guard(at + sizes.at(memory), memory, "behind");
    sizes.erase(memory);
    free(at - guard_bytes);
  }
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void **out, size_t bytes) {
  *out = malloc(bytes ? bytes : 1);
  return *out ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void *memory) {
  free(memory);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  work([=] { memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t) {
  work([=] { memset(to, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  recording = new emulated_graph;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *graph) {
  *graph = recording;
  recording = nullptr;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long) {
  *out = new emulated_graph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t) {
  for (const auto &one : graph->work) {
    one();
  }
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}

}  // extern "C"
