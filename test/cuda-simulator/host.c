/* Host memory that devices may touch. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>

#include "simulator.h"

enum {
  HOST_PORTABLE = 1,
  HOST_DEVICEMAP = 2,
  HOST_IOMEMORY = 4,
  HOST_READ_ONLY = 8,
};

struct host_mapping {
  bool mapped, writable, one_shared;
};

/* What /proc says of these addresses: registering pins pages, so that they must exist. */
static struct host_mapping host_mapping(uint64_t address, uint64_t length) {
  struct host_mapping found = {false, true, false};
  FILE *maps = fopen("/proc/self/maps", "re");
  if (maps == NULL) return found;
  char line[512];
  uint64_t next = address;
  while (next < address + length && fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end;
    char permissions[5];
    if (sscanf(line, "%lx-%lx %4s", &start, &end, permissions) != 3 || end <= next) continue;
    if (start > next || permissions[0] != 'r') break;
    if (permissions[1] != 'w') found.writable = false;
    found.one_shared = next == address && end >= address + length && permissions[3] == 's';
    next = end;
  }
  fclose(maps);
  found.mapped = next >= address + length;
  return found;
}

static uint64_t device_address_of_host(uint64_t host) {
  /* Real machines have either: tests that pass with both mix up no pointers. User addresses have bit 46 set or are
     below the heap's, so that the other half is free. */
  return configuration.separate_pointers ? host ^ ((uint64_t)1 << 46) : host;
}

static void host_range(struct context *context, uint64_t address, uint64_t length,
                       unsigned int flags, bool shared) {
  struct range *range = range_add(RANGE_HOST, device_address_of_host(address), length);
  range->host_address = address;
  range->device = context->device;
  range->context = context;
  for (int device = 0; device < DEVICES_MAX; device++)
    if (device == context->device || (flags & HOST_PORTABLE) != 0)
      range->access[device] = (flags & HOST_READ_ONLY) != 0 ? OPEN_READ : OPEN_WRITE;
  range->storage = (char *)(uintptr_t)address;
  if (!shared) return;
  /* A device goes on with the pinned pages after the host has unmapped them: a second mapping of them does too. */
  uint64_t start = address / PAGE_BYTES * PAGE_BYTES;
  size_t size = (address + length - start + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  void *mapping = mremap((void *)(uintptr_t)start, 0, size, MREMAP_MAYMOVE);
  if (mapping == MAP_FAILED) return;
  range->storage_mapping = mapping;
  range->storage_mapping_length = size;
  range->storage = (char *)mapping + (address - start);
}

CUresult cuMemHostRegister_v2(void *pointer, size_t size, unsigned int flags) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  uint64_t address = (uint64_t)(uintptr_t)pointer;
  if (pointer == NULL || size == 0 ||
      (flags & ~(unsigned int)(HOST_PORTABLE | HOST_DEVICEMAP | HOST_READ_ONLY)) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (range->kind == RANGE_HOST && overlaps(range->host_address, range->length, address, size))
      return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  struct host_mapping mapping = host_mapping(address, size);
  if (!mapping.mapped || (!mapping.writable && (flags & HOST_READ_ONLY) == 0))
    return CUDA_ERROR_INVALID_VALUE;
  host_range(context, address, size, flags, mapping.one_shared);
  return CUDA_SUCCESS;
}

static struct range *registered_at(const void *pointer) {
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (range->kind == RANGE_HOST && range->host_address == (uint64_t)(uintptr_t)pointer)
      return range;
  return NULL;
}

CUresult cuMemHostUnregister(void *pointer) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if (registered_at(pointer) == NULL) {
    bool inside = memory_find_host(pointer, 1) != NULL;
    return inside ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  }
  failure = memory_drain(context);
  if (failure != CUDA_SUCCESS) return failure;
  struct range *range = registered_at(pointer);
  if (range == NULL) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  range_remove(range);
  return CUDA_SUCCESS;
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *pointer, unsigned int flags) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  struct range *range = memory_find_host(pointer, 1);
  if (range == NULL || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  *device = range->device_address + ((uint64_t)(uintptr_t)pointer - range->host_address);
  return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned int flags) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if (size == 0 || (flags & ~7u) != 0) return CUDA_ERROR_INVALID_VALUE;
  size_t mapped = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  void *memory =
      mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  /* All contexts may touch what the driver allocated for the host. */
  host_range(context, (uint64_t)(uintptr_t)memory, size, HOST_PORTABLE, true);
  *pointer = memory;
  return CUDA_SUCCESS;
}

CUresult cuMemFreeHost(void *pointer) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if (registered_at(pointer) == NULL) return CUDA_ERROR_INVALID_VALUE;
  failure = memory_drain(context);
  if (failure != CUDA_SUCCESS) return failure;
  struct range *range = registered_at(pointer);
  if (range == NULL) return CUDA_ERROR_INVALID_VALUE;
  munmap(pointer, (range->length + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
  range_remove(range);
  return CUDA_SUCCESS;
}
