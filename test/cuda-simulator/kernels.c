/* Modules, launches, and the kernels that the tests use. PTX is not run: a kernel is a C function of its name. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "simulator.h"

static struct kernel *kernels;

void kernel_register(struct kernel *kernel) {
  kernel->next = kernels;
  kernels = kernel;
}

/* --- modules --- */

struct module {
  struct context *context;
  struct function *functions;
};

struct function {
  struct function *next;
  struct module *module;
  const struct kernel *kernel;
  uint64_t handle;
};

static CUresult module_load(CUmodule *handle, const void *image) {
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if (image == NULL) return CUDA_ERROR_INVALID_VALUE;
  /* Text that ends with a zero byte; without its version it is no PTX. */
  if (strstr(image, ".version") == NULL) return CUDA_ERROR_INVALID_IMAGE;
  /* Loading and unloading code waits for the whole device, also behind a fence that only the caller can open. */
  failure = context_drain(context);
  if (failure != CUDA_SUCCESS) return failure;
  struct module *module = calloc(1, sizeof *module);
  module->context = context;
  *handle = (CUmodule)(uintptr_t)handle_create(KIND_MODULE, module);
  return CUDA_SUCCESS;
}

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  ENTER();
  return module_load(module, image);
}

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int count,
                            CUjit_option *options, void **values) {
  ENTER();
  if (count > 0 && (options == NULL || values == NULL)) return CUDA_ERROR_INVALID_VALUE;
  return module_load(module, image);
}

CUresult cuModuleUnload(CUmodule handle) {
  ENTER();
  GUARD();
  struct module *module = handle_find(KIND_MODULE, (uint64_t)(uintptr_t)handle);
  if (module == NULL) return CUDA_ERROR_INVALID_HANDLE;
  CUresult failure = context_drain(module->context);
  if (failure != CUDA_SUCCESS) return failure;
  while (module->functions != NULL) {
    struct function *function = module->functions;
    module->functions = function->next;
    handle_end(function->handle);
    free(function);
  }
  handle_end((uint64_t)(uintptr_t)handle);
  free(module);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *handle, CUmodule module_handle, const char *name) {
  ENTER();
  GUARD();
  struct module *module = handle_find(KIND_MODULE, (uint64_t)(uintptr_t)module_handle);
  if (module == NULL) return CUDA_ERROR_INVALID_HANDLE;
  CUresult failure = context_failure(module->context);
  if (failure != CUDA_SUCCESS) return failure;
  const struct kernel *kernel = kernels;
  while (kernel != NULL && strcmp(kernel->name, name) != 0) kernel = kernel->next;
  if (kernel == NULL) return CUDA_ERROR_NOT_FOUND;
  struct function *function = calloc(1, sizeof *function);
  function->module = module;
  function->kernel = kernel;
  function->next = module->functions;
  function->handle = handle_create(KIND_FUNCTION, function);
  module->functions = function;
  *handle = (CUfunction)(uintptr_t)function->handle;
  return CUDA_SUCCESS;
}

/* The layout of a device: each parameter at a multiple of its size, up to 8. */
CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset, size_t *size) {
  ENTER();
  GUARD();
  struct function *function = handle_find(KIND_FUNCTION, (uint64_t)(uintptr_t)handle);
  if (function == NULL) return CUDA_ERROR_INVALID_HANDLE;
  size_t next = 0;
  for (size_t i = 0; i < PARAMETERS_MAX && function->kernel->parameter_bytes[i] != 0; i++) {
    size_t bytes = function->kernel->parameter_bytes[i], alignment = bytes < 8 ? bytes : 8;
    next = (next + alignment - 1) / alignment * alignment;
    if (i == index) {
      *offset = next;
      if (size != NULL) *size = bytes;
      return CUDA_SUCCESS;
    }
    next += bytes;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

/* --- launches --- */

/* The parameters are copied at the call: the caller may use its buffers again at once. */
static bool take_parameters(struct launch *launch, void **parameters) {
  const uint16_t *bytes = launch->kernel->parameter_bytes;
  size_t next = 0;
  for (int i = 0; i < PARAMETERS_MAX && bytes[i] != 0; i++) {
    if (parameters == NULL || parameters[i] == NULL || next + bytes[i] > PARAMETER_BYTES_MAX)
      return false;
    memcpy(launch->parameters + next, parameters[i], bytes[i]);
    launch->offsets[i] = (uint16_t)next;
    next = (next + bytes[i] + 15) / 16 * 16;
  }
  return true;
}

static bool sizes_valid(const unsigned int grid[3], const unsigned int block[3]) {
  uint64_t threads = 1;
  for (int i = 0; i < 3; i++) {
    if (grid[i] == 0 || block[i] == 0 || block[i] > (i == 2 ? 64 : 1024)) return false;
    if (grid[i] > (i == 0 ? 0x7fffffffu : 65535u)) return false;
    threads *= block[i];
  }
  return threads <= 1024;
}

CUresult cuLaunchKernel(CUfunction handle, unsigned int gridX, unsigned int gridY,
                        unsigned int gridZ, unsigned int blockX, unsigned int blockY,
                        unsigned int blockZ, unsigned int sharedBytes, CUstream stream_handle,
                        void **parameters, void **extra) {
  ENTER();
  GUARD();
  struct stream *stream;
  CUresult failure = stream_find(stream_handle, &stream);
  if (failure != CUDA_SUCCESS) return failure;
  struct function *function = handle_find(KIND_FUNCTION, (uint64_t)(uintptr_t)handle);
  if (function == NULL || function->module->context != stream->context)
    return CUDA_ERROR_INVALID_HANDLE;
  unsigned int grid[3] = {gridX, gridY, gridZ}, block[3] = {blockX, blockY, blockZ};
  if (extra != NULL || sharedBytes > 49152 || !sizes_valid(grid, block))
    return CUDA_ERROR_INVALID_VALUE;
  struct launch *launch = calloc(1, sizeof *launch);
  launch->kernel = function->kernel;
  launch->context = stream->context;
  memcpy(launch->grid, grid, sizeof grid);
  memcpy(launch->block, block, sizeof block);
  launch->shared_bytes = sharedBytes;
  if (!take_parameters(launch, parameters)) {
    free(launch);
    return CUDA_ERROR_INVALID_VALUE;
  }
  struct job *job = job_create(JOB_LAUNCH);
  job->launch = launch;
  stream_enqueue(stream, job);
  return CUDA_SUCCESS;
}

CUresult job_launch(struct context *context, struct launch *launch) {
  (void)context;
  launch->kernel->run(launch);
  for (int i = 0; i < launch->access_count; i++)
    if (!memory_close(&launch->accesses[i])) launch->faulted = true;
  return launch->faulted ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_SUCCESS;
}

void *device_memory(struct launch *launch, uint64_t address, uint64_t length, int mode) {
  /* A range that is open already stays so until the kernel ends: kernels may ask in a loop. */
  for (int i = 0; i < launch->access_count; i++) {
    struct range *range = launch->accesses[i].range;
    if (address < range->device_address || length > range->length ||
        address - range->device_address > range->length - length)
      continue;
    if (atomic_load(&range->gone) || (range->access[launch->context->device] & mode) != mode) break;
    return range->storage + (address - range->device_address);
  }
  struct access access;
  if (launch->access_count == ACCESSES_MAX ||
      !memory_open(launch->context, address, length, mode, &access)) {
    launch->faulted = true;
    return NULL;
  }
  launch->accesses[launch->access_count++] = access;
  return access.bytes;
}

bool launch_stopped(struct launch *launch) {
  for (int i = 0; i < launch->access_count; i++)
    if (atomic_load(&launch->accesses[i].range->gone)) return true;
  return launch->faulted || context_failure(launch->context) != CUDA_SUCCESS;
}

/* --- kernels --- */

static uint32_t stamp_word(uint32_t seed, uint64_t index) {
  return seed * 2654435761u + (uint32_t)index;
}

/* stamp(pointer, words, seed): writes what `check` expects. */
SIMULATED_KERNEL(stamp, 8, 8, 4) {
  uint64_t words = PARAMETER(launch, 1, uint64_t);
  uint32_t seed = PARAMETER(launch, 2, uint32_t);
  uint32_t *to = device_memory(launch, PARAMETER(launch, 0, uint64_t), words * 4, OPEN_WRITE);
  if (to == NULL) return;
  for (uint64_t i = 0; i < words; i++) to[i] = stamp_word(seed, i);
}

/* check(pointer, words, seed, result): adds the number of words that differ to the u32 at `result`. */
SIMULATED_KERNEL(check, 8, 8, 4, 8) {
  uint64_t words = PARAMETER(launch, 1, uint64_t);
  uint32_t seed = PARAMETER(launch, 2, uint32_t), different = 0;
  uint32_t *from = device_memory(launch, PARAMETER(launch, 0, uint64_t), words * 4, OPEN_READ);
  _Atomic uint32_t *result = device_memory(launch, PARAMETER(launch, 3, uint64_t), 4, OPEN_WRITE);
  if (from == NULL || result == NULL) return;
  for (uint64_t i = 0; i < words; i++)
    if (from[i] != stamp_word(seed, i)) different++;
  atomic_fetch_add(result, different);
}

/* delay(microseconds) */
SIMULATED_KERNEL(delay, 8) {
  uint64_t left = PARAMETER(launch, 0, uint64_t);
  while (left > 0 && !launch_stopped(launch)) {
    uint64_t slice = left < 1000 ? left : 1000;
    sleep_us(slice);
    left -= slice;
  }
}

/* store32(pointer, value) */
SIMULATED_KERNEL(store32, 8, 4) {
  _Atomic uint32_t *word = device_memory(launch, PARAMETER(launch, 0, uint64_t), 4, OPEN_WRITE);
  if (word != NULL) atomic_store(word, PARAMETER(launch, 1, uint32_t));
}
