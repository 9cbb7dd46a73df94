/* Copies and fills. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "simulator.h"

/* A slowed copy moves in pieces, so that who reads too early finds half of it. */
#define PIECE_BYTES ((uint64_t)256 << 10)

/* A transfer from pageable memory up to this size is taken at the call; a larger one holds the caller. */
#define STAGED_BYTES ((uint64_t)64 << 10)

static uint64_t piece_bytes(uint64_t length) {
  if (configuration.copy_us_per_mib == 0) return length;
  uint64_t half = (length / 2 + 63) / 64 * 64;
  return half == 0 || half > PIECE_BYTES ? (half == 0 ? length : PIECE_BYTES) : half;
}

static void pause_for(uint64_t bytes) {
  if (configuration.copy_us_per_mib != 0) sleep_us(configuration.copy_us_per_mib * bytes >> 20);
}

static CUresult move(struct context *context, char *to, const char *from, uint64_t length) {
  uint64_t piece = piece_bytes(length);
  for (uint64_t done = 0; done < length && context_failure(context) == CUDA_SUCCESS;
       done += piece) {
    uint64_t part = length - done < piece ? length - done : piece;
    memmove(to + done, from + done, part);
    pause_for(part);
  }
  return CUDA_SUCCESS;
}

CUresult job_copy(struct context *context, struct job *job) {
  struct access to = {NULL, job->host_to}, from = {NULL, (char *)(uintptr_t)job->host_from};
  bool ok = true;
  if (job->host_to == NULL)
    ok = memory_open(context, job->to, job->length, OPEN_WRITE | OPEN_ANY_DEVICE, &to);
  if (ok && job->host_from == NULL)
    ok = memory_open(context, job->from, job->length, OPEN_READ | OPEN_ANY_DEVICE, &from);
  if (ok) move(context, to.bytes, from.bytes, job->length);
  if (to.range != NULL && !memory_close(&to)) ok = false;
  if (from.range != NULL && !memory_close(&from)) ok = false;
  return ok ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

CUresult job_fill(struct context *context, struct job *job) {
  struct access to;
  if (!memory_open(context, job->to, job->length, OPEN_WRITE | OPEN_ANY_DEVICE, &to))
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  uint64_t piece = piece_bytes(job->length);
  for (uint64_t done = 0; done < job->length && context_failure(context) == CUDA_SUCCESS;
       done += piece) {
    uint64_t part = job->length - done < piece ? job->length - done : piece;
    if (job->width == 1)
      memset(to.bytes + done, (int)job->value, part);
    else
      for (uint64_t at = 0; at < part; at += 4)
        *(uint32_t *)(void *)(to.bytes + done + at) = (uint32_t)job->value;
    pause_for(part);
  }
  return memory_close(&to) ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

/* --- the calls --- */

/*
 * One end of a copy. Registered host memory is named by its device address, and a copy that runs after the end of the
 * registration faults; pageable memory by its pointer.
 */
struct end {
  uint64_t address;
  void *pageable;
};

static bool device_end(struct context *context, uint64_t address, uint64_t length, int mode,
                       struct end *end) {
  *end = (struct end){address, NULL};
  return memory_find(context, address, length, mode | OPEN_ANY_DEVICE) != NULL;
}

static bool host_end(struct context *context, const void *pointer, uint64_t length, int mode,
                     struct end *end) {
  struct range *range = memory_find_host(pointer, length);
  if (range != NULL) {
    uint64_t offset = (uint64_t)(uintptr_t)pointer - range->host_address;
    return device_end(context, range->device_address + offset, length, mode, end);
  }
  /* Addresses are unified: the driver takes a device address for a host pointer. */
  if (memory_is_device((uint64_t)(uintptr_t)pointer))
    return device_end(context, (uint64_t)(uintptr_t)pointer, length, mode, end);
  *end = (struct end){0, (void *)(uintptr_t)pointer};
  return pointer != NULL;
}

/* cuMemcpyAsync says of neither end what it is. */
static bool any_end(struct context *context, uint64_t address, uint64_t length, int mode,
                    struct end *end) {
  return device_end(context, address, length, mode, end) ||
         host_end(context, (void *)(uintptr_t)address, length, mode, end);
}

static CUresult enqueue_copy(struct stream *stream, struct end to, struct end from, uint64_t length,
                             bool synchronous) {
  struct job *job = job_create(JOB_COPY);
  job->to = to.address;
  job->from = from.address;
  job->length = length;
  job->host_to = to.pageable;
  job->host_from = from.pageable;
  /* The real driver holds the caller for pageable memory, even behind a fence that only the caller can open. */
  bool wait =
      synchronous || to.pageable != NULL || (from.pageable != NULL && length > STAGED_BYTES);
  if (!wait && from.pageable != NULL) {
    job->staged = malloc(length);
    memcpy(job->staged, from.pageable, length);
    job->host_from = job->staged;
  }
  uint64_t sequence = stream_enqueue(stream, job);
  return wait ? stream_await(stream, sequence) : CUDA_SUCCESS;
}

enum direction { HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, ANY_TO_ANY };

static CUresult copy(enum direction direction, uint64_t to, uint64_t from, uint64_t length,
                     CUstream handle, bool synchronous) {
  GUARD();
  struct stream *stream;
  CUresult failure = stream_find(handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  if (length == 0) return CUDA_SUCCESS;
  struct context *context = stream->context;
  struct end ends[2];
  bool ok = direction == ANY_TO_ANY ? any_end(context, to, length, OPEN_WRITE, &ends[0])
            : direction == DEVICE_TO_HOST
                ? host_end(context, (void *)(uintptr_t)to, length, OPEN_WRITE, &ends[0])
                : device_end(context, to, length, OPEN_WRITE, &ends[0]);
  ok = ok && (direction == ANY_TO_ANY ? any_end(context, from, length, OPEN_READ, &ends[1])
              : direction == HOST_TO_DEVICE
                  ? host_end(context, (void *)(uintptr_t)from, length, OPEN_READ, &ends[1])
                  : device_end(context, from, length, OPEN_READ, &ends[1]));
  return ok ? enqueue_copy(stream, ends[0], ends[1], length, synchronous)
            : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t length) {
  ENTER();
  return copy(HOST_TO_DEVICE, to, (uint64_t)(uintptr_t)from, length, NULL, true);
}

CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t length) {
  ENTER();
  return copy(DEVICE_TO_HOST, (uint64_t)(uintptr_t)to, from, length, NULL, true);
}

CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t length) {
  ENTER();
  return copy(DEVICE_TO_DEVICE, to, from, length, NULL, false);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t length, CUstream stream) {
  ENTER();
  return copy(HOST_TO_DEVICE, to, (uint64_t)(uintptr_t)from, length, stream, false);
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t length, CUstream stream) {
  ENTER();
  return copy(DEVICE_TO_HOST, (uint64_t)(uintptr_t)to, from, length, stream, false);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t length, CUstream stream) {
  ENTER();
  return copy(DEVICE_TO_DEVICE, to, from, length, stream, false);
}

CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t length, CUstream stream) {
  ENTER();
  return copy(ANY_TO_ANY, to, from, length, stream, false);
}

/* Between memory of devices. A job a row: nothing comes between them, since a stream keeps its order. */
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *rows, CUstream stream) {
  enum { DEVICE = 2 };
  ENTER();
  size_t width = rows->WidthInBytes;
  if (rows->srcMemoryType != DEVICE || rows->dstMemoryType != DEVICE || width > rows->srcPitch ||
      width > rows->dstPitch)
    return CUDA_ERROR_INVALID_VALUE;
  for (size_t row = 0; row < rows->Height; row++) {
    CUresult failure = copy(DEVICE_TO_DEVICE, rows->dstDevice + row * rows->dstPitch,
                            rows->srcDevice + row * rows->srcPitch, width, stream, false);
    if (failure != CUDA_SUCCESS) return failure;
  }
  return CUDA_SUCCESS;
}

static CUresult fill(uint64_t to, int width, uint32_t value, size_t count, CUstream handle) {
  GUARD();
  struct stream *stream;
  CUresult failure = stream_find(handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  if (count == 0) return CUDA_SUCCESS;
  struct end end;
  uint64_t length = (uint64_t)width * count;
  if (to % (uint64_t)width != 0 || !device_end(stream->context, to, length, OPEN_WRITE, &end))
    return CUDA_ERROR_INVALID_VALUE;
  struct job *job = job_create(JOB_FILL);
  job->to = to;
  job->length = length;
  job->width = width;
  job->value = value;
  stream_enqueue(stream, job);
  return CUDA_SUCCESS;
}

CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  ENTER();
  return fill(to, 1, value, count, NULL);
}

CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned int value, size_t count) {
  ENTER();
  return fill(to, 4, value, count, NULL);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  ENTER();
  return fill(to, 1, value, count, stream);
}

CUresult cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count, CUstream stream) {
  ENTER();
  return fill(to, 4, value, count, stream);
}
