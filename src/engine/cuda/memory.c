/* The GPU's memory, what goes there and back, and recordings of work: CUDA graphs. */
#include "engine/cuda/context.h"

#include <stdlib.h>
#include <string.h>

static cudaStream_t copies; /* inputs go there while earlier work is done */

static size_t available(void) {
  size_t bytes = 0, total = 0;
  return cudaMemGetInfo(&bytes, &total) == cudaSuccess ? bytes : 0;
}

static ss_status reserve(size_t bytes, const char *what, void **out, ss_error *error) {
  *out = NULL;
  void *memory = NULL;
  const cudaError_t result = cudaMalloc(&memory, bytes ? bytes : 1);
  if (result == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError(); /* is not kept as a failure of the GPU's */
    return ss_fail(error, SS_NO_MEMORY,
                   "not enough memory on the GPU for %s: it takes %.0f MB, %.0f MB are free; use a smaller --batch or "
                   "--size",
                   what, (double)bytes / 1e6, (double)available() / 1e6);
  }
  SS_TRY(ss_cuda_check(result, what, error));
  const cudaError_t cleared = cudaMemsetAsync(memory, 0, bytes, ss_cuda_stream());
  if (cleared != cudaSuccess) {
    (void)cudaFree(memory);
    return ss_cuda_check(cleared, what, error);
  }
  *out = memory;
  return SS_OK;
}

static void release(void *memory) {
  (void)cudaFree(memory); /* which waits for the work before it */
}

static void *reserve_host(size_t bytes) {
  void *memory = NULL;
  if (cudaMallocHost(&memory, bytes ? bytes : 1) != cudaSuccess) {
    (void)cudaGetLastError();
    return NULL;
  }
  memset(memory, 0, bytes);
  return memory;
}

static void release_host(void *memory) {
  (void)cudaFreeHost(memory);
}

static ss_status upload(void *to, const void *from, size_t bytes, ss_error *error) {
  struct cudaPointerAttributes kind;
  SS_TRY(ss_cuda_check(cudaPointerGetAttributes(&kind, from), "a copy", error));
  SS_TRY(ss_cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, ss_cuda_stream()), "a copy", error));
  /* Of memory that it reads later itself, unlike what it first takes a copy of. */
  return kind.type == cudaMemoryTypeHost ? ss_cuda_check(cudaStreamSynchronize(ss_cuda_stream()), "a copy", error)
                                         : SS_OK;
}

static ss_status download(void *to, const void *from, size_t bytes, ss_error *error) {
  SS_TRY(ss_cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, ss_cuda_stream()), "a copy", error));
  return ss_cuda_check(cudaStreamSynchronize(ss_cuda_stream()), "its work", error);
}

static ss_status wait(ss_error *error) {
  return ss_cuda_check(cudaStreamSynchronize(ss_cuda_stream()), "its work", error);
}

/* ---- inputs ---- */

struct ss_feeder {
  void *between;
  cudaEvent_t copied;   /* the host's memory may be written again */
  cudaEvent_t consumed; /* and so may `between` */
};

static void close_feeder(ss_feeder *feeder) {
  if (feeder) {
    (void)cudaEventDestroy(feeder->copied);
    (void)cudaEventDestroy(feeder->consumed);
    release(feeder->between);
    free(feeder);
  }
}

static ss_status make_feeder(ss_feeder *feeder, size_t bytes, ss_error *error) {
  if (!copies) {
    SS_TRY(ss_cuda_check(cudaStreamCreateWithFlags(&copies, cudaStreamNonBlocking), "a stream", error));
  }
  SS_TRY(ss_cuda_check(cudaEventCreateWithFlags(&feeder->copied, cudaEventDisableTiming), "an event", error));
  SS_TRY(ss_cuda_check(cudaEventCreateWithFlags(&feeder->consumed, cudaEventDisableTiming), "an event", error));
  return reserve(bytes, "an input", &feeder->between, error);
}

static ss_status open_feeder(size_t bytes, ss_feeder **out, ss_error *error) {
  *out = NULL;
  ss_feeder *feeder = calloc(1, sizeof *feeder);
  if (!feeder) {
    return ss_fail_memory(error, sizeof *feeder, "an input");
  }
  const ss_status status = make_feeder(feeder, bytes, error);
  if (status != SS_OK) {
    close_feeder(feeder);
    return status;
  }
  *out = feeder;
  return SS_OK;
}

static ss_status feed(ss_feeder *feeder, void *to, const void *from, size_t bytes, ss_error *error) {
  cudaStream_t stream = ss_cuda_stream();
  SS_TRY(ss_cuda_check(cudaStreamWaitEvent(copies, feeder->consumed, 0), "an input", error));
  SS_TRY(
      ss_cuda_check(cudaMemcpyAsync(feeder->between, from, bytes, cudaMemcpyHostToDevice, copies), "an input", error));
  SS_TRY(ss_cuda_check(cudaEventRecord(feeder->copied, copies), "an input", error));
  SS_TRY(ss_cuda_check(cudaStreamWaitEvent(stream, feeder->copied, 0), "an input", error));
  SS_TRY(
      ss_cuda_check(cudaMemcpyAsync(to, feeder->between, bytes, cudaMemcpyDeviceToDevice, stream), "an input", error));
  SS_TRY(ss_cuda_check(cudaEventRecord(feeder->consumed, stream), "an input", error));
  return ss_cuda_check(cudaEventSynchronize(feeder->copied), "an input", error);
}

/* ---- recordings ---- */

static ss_status begin_recording(ss_error *error) {
  return ss_cuda_check(cudaStreamBeginCapture(ss_cuda_stream(), cudaStreamCaptureModeThreadLocal), "a recording",
                       error);
}

static ss_status end_recording(void **recording, ss_error *error) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t executable = NULL;
  *recording = NULL;
  SS_TRY(ss_cuda_check(cudaStreamEndCapture(ss_cuda_stream(), &graph), "a recording", error));
  const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0);
  (void)cudaGraphDestroy(graph);
  *recording = executable;
  return ss_cuda_check(made, "a recording", error);
}

static ss_status replay(void *recording, ss_error *error) {
  return ss_cuda_check(cudaGraphLaunch(recording, ss_cuda_stream()), "a step", error);
}

static void release_recording(void *recording) {
  if (recording) {
    (void)cudaGraphExecDestroy(recording);
  }
}

const ss_device_memory ss_cuda_memory = {.reserve = reserve,
                                         .available = available,
                                         .release = release,
                                         .reserve_host = reserve_host,
                                         .release_host = release_host,
                                         .upload = upload,
                                         .download = download,
                                         .wait = wait,
                                         .open_feeder = open_feeder,
                                         .feed = feed,
                                         .close_feeder = close_feeder,
                                         .begin_recording = begin_recording,
                                         .end_recording = end_recording,
                                         .replay = replay,
                                         .release_recording = release_recording};
