/* The table of what a device may touch, and plain device memory. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "simulator.h"

struct range *ranges;
static uint64_t used[DEVICES_MAX];

bool reserve_bytes(int device, uint64_t size) {
  if (size > configuration.bytes - used[device]) return false;
  used[device] += size;
  return true;
}

void release_bytes(int device, uint64_t size) { used[device] -= size; }

/* --- the table --- */

struct range *range_add(enum range_kind kind, uint64_t address, uint64_t length) {
  struct range *range = calloc(1, sizeof *range);
  range->kind = kind;
  range->device_address = address;
  range->length = length;
  range->next = ranges;
  ranges = range;
  return range;
}

static void range_free(struct range *range) {
  if (range->storage_mapping != NULL) munmap(range->storage_mapping, range->storage_mapping_length);
  free(range);
}

void range_remove(struct range *range) {
  for (struct range **link = &ranges; *link != NULL; link = &(*link)->next) {
    if (*link != range) continue;
    *link = range->next;
    break;
  }
  atomic_store(&range->gone, true);
  if (range->users == 0) range_free(range);
}

bool holds(uint64_t start, uint64_t size, uint64_t address, uint64_t length) {
  return address >= start && address - start < size && length <= size - (address - start);
}

bool overlaps(uint64_t start, uint64_t size, uint64_t address, uint64_t length) {
  return address < start + size && start < address + length;
}

static bool may(struct context *context, struct range *range, int mode) {
  int needed = mode & OPEN_WRITE;
  if (range->kind == RANGE_PLAIN && range->device != context->device) {
    /* Plain memory of another device: a copy is staged where the devices are no peers, a kernel faults. */
    return (mode & OPEN_ANY_DEVICE) != 0 || context->peer_enabled[range->device];
  }
  return (range->access[context->device] & needed) == needed;
}

struct range *memory_find(struct context *context, uint64_t address, uint64_t length, int mode) {
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (holds(range->device_address, range->length, address, length))
      return may(context, range, mode) ? range : NULL;
  return NULL;
}

struct range *memory_find_host(const void *pointer, uint64_t length) {
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (range->kind == RANGE_HOST &&
        holds(range->host_address, range->length, (uint64_t)(uintptr_t)pointer, length))
      return range;
  return NULL;
}

/* Also of reserved addresses that nothing is mapped at: no host pointer is one of them. */
bool memory_is_device(uint64_t address) {
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (range->kind == RANGE_PLAIN && holds(range->device_address, range->length, address, 1))
      return true;
  return addresses_reserved(address, 1);
}

CUresult memory_fault(uint64_t address, uint64_t length) {
  GUARD();
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (holds(range->device_address, range->length, address, length))
      return CUDA_ERROR_LAUNCH_FAILED;
  return CUDA_ERROR_ILLEGAL_ADDRESS;
}

bool memory_open(struct context *context, uint64_t address, uint64_t length, int mode,
                 struct access *access) {
  GUARD();
  struct range *range = memory_find(context, address, length, mode);
  if (range == NULL) return false;
  range->users++;
  *access = (struct access){range, range->storage + (address - range->device_address)};
  return true;
}

bool memory_close(struct access *access) {
  GUARD();
  struct range *range = access->range;
  bool gone = atomic_load(&range->gone);
  if (--range->users == 0 && gone) range_free(range);
  return !gone;
}

/* Address space that the host cannot touch, at a multiple of `alignment`. */
uint64_t reserve_addresses(uint64_t size, uint64_t alignment) {
  char *start =
      mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return 0;
  char *aligned = (char *)(((uintptr_t)start + alignment - 1) / alignment * alignment);
  if (aligned > start) munmap(start, (size_t)(aligned - start));
  munmap(aligned + size, (size_t)(start + alignment - aligned));
  return (uint64_t)(uintptr_t)aligned;
}

/*
 * Ending memory waits for everything the device was given, also for what has nothing to do with it: seen on an H200, and
 * promised nowhere. With SLUICE_SIMULATED_UNREGISTER=fault it waits for nothing, and a queued job that names the memory faults.
 */
CUresult memory_drain(struct context *context) {
  return configuration.unregister_faults ? CUDA_SUCCESS : context_drain(context);
}

/* --- plain device memory --- */

CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  if (!reserve_bytes(context->device, size)) return CUDA_ERROR_OUT_OF_MEMORY;
  size_t mapped = (size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  uint64_t address = reserve_addresses(mapped, PAGE_BYTES);
  void *storage = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == 0 || storage == MAP_FAILED) {
    if (address != 0) munmap((void *)(uintptr_t)address, mapped);
    if (storage != MAP_FAILED) munmap(storage, mapped);
    used[context->device] -= size;
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  memset(storage, RUBBISH, mapped < RUBBISH_BYTES ? mapped : RUBBISH_BYTES);
  struct range *range = range_add(RANGE_PLAIN, address, size);
  range->storage = range->storage_mapping = storage;
  range->storage_mapping_length = mapped;
  range->device = context->device;
  range->context = context;
  range->access[context->device] = OPEN_WRITE;
  *pointer = address;
  return CUDA_SUCCESS;
}

static struct range *plain_at(uint64_t address) {
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (range->kind == RANGE_PLAIN && range->device_address == address) return range;
  return NULL;
}

static void plain_free(struct range *range) {
  used[range->device] -= range->length;
  size_t mapped = (range->length + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
  munmap((void *)(uintptr_t)range->device_address, mapped);
  range_remove(range);
}

CUresult cuMemFree_v2(CUdeviceptr pointer) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  if (pointer == 0) return CUDA_SUCCESS;
  if (plain_at(pointer) == NULL) return CUDA_ERROR_INVALID_VALUE;
  failure = memory_drain(context);
  if (failure != CUDA_SUCCESS) return failure;
  struct range *range = plain_at(pointer);
  if (range == NULL) return CUDA_ERROR_INVALID_VALUE;
  plain_free(range);
  return CUDA_SUCCESS;
}

CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
  if (failure != CUDA_SUCCESS) return failure;
  *total = configuration.bytes;
  *available = configuration.bytes - used[context->device];
  return CUDA_SUCCESS;
}

void memory_end_context(struct context *context) {
  for (struct range *range = ranges, *next; range != NULL; range = next) {
    next = range->next;
    if (range->context != context) continue;
    if (range->kind == RANGE_PLAIN)
      plain_free(range);
    else
      range_remove(range);
  }
}

CUresult cuPointerGetAttribute(void *value, CUpointer_attribute attribute, CUdeviceptr pointer) {
  ENTER();
  GUARD();
  enum { HOST = 1, DEVICE = 2 };
  struct range *range = ranges;
  while (range != NULL && !holds(range->device_address, range->length, pointer, 1) &&
         !(range->kind == RANGE_HOST && holds(range->host_address, range->length, pointer, 1)))
    range = range->next;
  if (range == NULL) return CUDA_ERROR_INVALID_VALUE;
  bool by_host = !holds(range->device_address, range->length, pointer, 1);
  uint64_t offset = pointer - (by_host ? range->host_address : range->device_address);
  uint64_t wide;
  unsigned int narrow;
  switch (attribute) {
    case 2: /* CU_POINTER_ATTRIBUTE_MEMORY_TYPE */
      narrow = range->kind == RANGE_HOST ? HOST : DEVICE;
      break;
    case 3: /* DEVICE_POINTER */
      wide = range->device_address + offset;
      memcpy(value, &wide, sizeof wide);
      return CUDA_SUCCESS;
    case 4: /* HOST_POINTER */
      if (range->kind != RANGE_HOST) return CUDA_ERROR_INVALID_VALUE;
      wide = range->host_address + offset;
      memcpy(value, &wide, sizeof wide);
      return CUDA_SUCCESS;
    case 9: /* DEVICE_ORDINAL */
      narrow = (unsigned int)visible_device(range->device);
      break;
    case 11: /* RANGE_START_ADDR */
      wide = range->device_address;
      memcpy(value, &wide, sizeof wide);
      return CUDA_SUCCESS;
    case 12: /* RANGE_SIZE */
      wide = range->length;
      memcpy(value, &wide, sizeof wide);
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
  memcpy(value, &narrow, sizeof narrow);
  return CUDA_SUCCESS;
}
