/* Shared allocations: created, exported, imported, mapped. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simulator.h"

#define NAME "sluice-simulated-gpu-"
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct allocation {
  int descriptor;
  int device;
  uint64_t size;
  bool exportable;
  bool created_here; /* counts as memory of the device */
  int references;    /* the handle and the mappings */
  bool released;
};

struct reservation {
  struct reservation *next;
  uint64_t address, size;
};

static struct reservation *reservations;

/* 0, or what is wrong with the properties; `device` is of the machine then. */
static CUresult allocation_device(const CUmemAllocationProp *properties, int *device) {
  enum { PINNED = 1, DEVICE = 1 };
  if (properties == NULL || properties->type != PINNED || properties->location.type != DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  *device = physical_device(properties->location.id);
  return *device < 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

CUresult cuMemGetAllocationGranularity(size_t *bytes, const CUmemAllocationProp *properties,
                                       CUmemAllocationGranularity_flags option) {
  ENTER();
  int device;
  CUresult failure = allocation_device(properties, &device);
  if (failure != CUDA_SUCCESS) return failure;
  if (option != 0 && option != 1) return CUDA_ERROR_INVALID_VALUE;
  *bytes = GRANULARITY_BYTES;
  return CUDA_SUCCESS;
}

/* The device is in the name, where an importer in another process reads it. */
static int create_descriptor(int device, uint64_t size) {
  char name[64];
  snprintf(name, sizeof name, NAME "%d", device);
  int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -1;
  if (ftruncate(descriptor, (off_t)size) != 0 || fcntl(descriptor, F_ADD_SEALS, SEALS) != 0) {
    close(descriptor);
    return -1;
  }
  char rubbish[RUBBISH_BYTES];
  memset(rubbish, RUBBISH, sizeof rubbish);
  if (pwrite(descriptor, rubbish, sizeof rubbish, 0) != (ssize_t)sizeof rubbish) {
    close(descriptor);
    return -1;
  }
  return descriptor;
}

static void allocation_unref(struct allocation *allocation) {
  if (--allocation->references > 0) return;
  if (allocation->created_here) release_bytes(allocation->device, allocation->size);
  close(allocation->descriptor);
  free(allocation);
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                     const CUmemAllocationProp *properties, unsigned long long flags) {
  ENTER();
  GUARD();
  enum { NO_HANDLE = 0, POSIX_FILE_DESCRIPTOR = 1 };
  int device;
  CUresult failure = allocation_device(properties, &device);
  if (failure != CUDA_SUCCESS) return failure;
  if (flags != 0 || size == 0 || size % GRANULARITY_BYTES != 0) return CUDA_ERROR_INVALID_VALUE;
  if (properties->requestedHandleTypes != NO_HANDLE &&
      properties->requestedHandleTypes != POSIX_FILE_DESCRIPTOR)
    return CUDA_ERROR_NOT_SUPPORTED;
  if (!reserve_bytes(device, size)) return CUDA_ERROR_OUT_OF_MEMORY;
  int descriptor = create_descriptor(device, size);
  if (descriptor < 0) {
    release_bytes(device, size);
    return CUDA_ERROR_OPERATING_SYSTEM;
  }
  struct allocation *allocation = calloc(1, sizeof *allocation);
  *allocation = (struct allocation){.descriptor = descriptor,
                                    .device = device,
                                    .size = size,
                                    .exportable = properties->requestedHandleTypes != NO_HANDLE,
                                    .created_here = true,
                                    .references = 1};
  *handle = handle_create(KIND_ALLOCATION, allocation);
  return CUDA_SUCCESS;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  ENTER();
  GUARD();
  struct allocation *allocation = handle_find(KIND_ALLOCATION, handle);
  if (allocation == NULL) return CUDA_ERROR_INVALID_VALUE;
  handle_end(handle);
  allocation_unref(allocation);
  return CUDA_SUCCESS;
}

CUresult cuMemExportToShareableHandle(void *descriptor, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type, unsigned long long flags) {
  ENTER();
  GUARD();
  struct allocation *allocation = handle_find(KIND_ALLOCATION, handle);
  if (allocation == NULL || type != 1 || flags != 0 || !allocation->exportable)
    return CUDA_ERROR_INVALID_VALUE;
  int copy = fcntl(allocation->descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  memcpy(descriptor, &copy, sizeof copy);
  return CUDA_SUCCESS;
}

/* The device of the allocation behind a descriptor, or -1 where it is no such thing. */
static int descriptor_device(int descriptor) {
  char link[64], target[128];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) return -1;
  target[length] = '\0';
  int device;
  if (sscanf(target, "/memfd:" NAME "%d", &device) != 1) return -1;
  if (device < 0 || device >= configuration.devices) return -1;
  /* GPU memory cannot be cut under its readers. What could be is a forgery. */
  int seals = fcntl(descriptor, F_GET_SEALS);
  return seals < 0 || (seals & SEALS) != SEALS ? -1 : device;
}

CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *descriptor,
                                        CUmemAllocationHandleType type) {
  ENTER();
  GUARD();
  int number = (int)(intptr_t)descriptor;
  struct stat status;
  int device = descriptor_device(number);
  if (type != 1 || device < 0 || fstat(number, &status) != 0) return CUDA_ERROR_UNKNOWN;
  int copy = fcntl(number, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  struct allocation *allocation = calloc(1, sizeof *allocation);
  *allocation = (struct allocation){.descriptor = copy,
                                    .device = device,
                                    .size = (uint64_t)status.st_size,
                                    .exportable = true,
                                    .references = 1};
  *handle = handle_create(KIND_ALLOCATION, allocation);
  return CUDA_SUCCESS;
}

CUresult cuMemAddressReserve(CUdeviceptr *pointer, size_t size, size_t alignment,
                             CUdeviceptr address, unsigned long long flags) {
  ENTER();
  GUARD();
  (void)address; /* a hint */
  if (flags != 0 || size == 0 || size % GRANULARITY_BYTES != 0 ||
      (alignment & (alignment - 1)) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  uint64_t start =
      reserve_addresses(size, alignment < GRANULARITY_BYTES ? GRANULARITY_BYTES : alignment);
  if (start == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  struct reservation *reservation = calloc(1, sizeof *reservation);
  *reservation = (struct reservation){reservations, start, size};
  reservations = reservation;
  *pointer = start;
  return CUDA_SUCCESS;
}

static bool has_mapping(uint64_t address, uint64_t size) {
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (range->kind == RANGE_SHARED &&
        overlaps(range->device_address, range->length, address, size))
      return true;
  return false;
}

CUresult cuMemAddressFree(CUdeviceptr pointer, size_t size) {
  ENTER();
  GUARD();
  for (struct reservation **link = &reservations; *link != NULL; link = &(*link)->next) {
    struct reservation *reservation = *link;
    if (reservation->address != pointer || reservation->size != size) continue;
    if (has_mapping(pointer, size)) return CUDA_ERROR_INVALID_VALUE;
    *link = reservation->next;
    munmap((void *)(uintptr_t)pointer, size);
    free(reservation);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

bool addresses_reserved(uint64_t address, uint64_t size) {
  for (struct reservation *item = reservations; item != NULL; item = item->next)
    if (holds(item->address, item->size, address, size)) return true;
  return false;
}

/* The driver maps whole allocations only. Nobody may touch the mapping before cuMemSetAccess. */
CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset,
                  CUmemGenericAllocationHandle handle, unsigned long long flags) {
  ENTER();
  GUARD();
  struct allocation *allocation = handle_find(KIND_ALLOCATION, handle);
  if (allocation == NULL || flags != 0 || pointer % GRANULARITY_BYTES != 0 ||
      !addresses_reserved(pointer, size))
    return CUDA_ERROR_INVALID_VALUE;
  if (offset != 0 || size != allocation->size) return CUDA_ERROR_NOT_SUPPORTED;
  if (has_mapping(pointer, size)) return CUDA_ERROR_INVALID_VALUE;
  void *storage = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                       allocation->descriptor, 0);
  if (storage == MAP_FAILED) return CUDA_ERROR_MAP_FAILED;
  struct range *range = range_add(RANGE_SHARED, pointer, size);
  range->storage = range->storage_mapping = storage;
  range->storage_mapping_length = size;
  range->device = allocation->device;
  range->allocation = allocation;
  allocation->references++;
  return CUDA_SUCCESS;
}

/* The mappings from `address` on that fill `size` exactly: their number, or 0. */
static int whole_mappings(uint64_t address, uint64_t size, struct range *found[64]) {
  int count = 0;
  uint64_t covered = 0;
  for (struct range *range = ranges; range != NULL; range = range->next) {
    if (range->kind != RANGE_SHARED ||
        !overlaps(range->device_address, range->length, address, size))
      continue;
    if (count == 64 || !holds(address, size, range->device_address, range->length)) return 0;
    found[count++] = range;
    covered += range->length;
  }
  return covered == size ? count : 0;
}

CUresult cuMemUnmap(CUdeviceptr pointer, size_t size) {
  ENTER();
  GUARD();
  struct range *found[64];
  /* The driver minds nothing mapped less than it minds a part of a mapping. */
  if (!has_mapping(pointer, size) && addresses_reserved(pointer, size)) return CUDA_SUCCESS;
  int count = whole_mappings(pointer, size, found);
  if (count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (int i = 0; i < count; i++) {
    allocation_unref(found[i]->allocation);
    range_remove(found[i]);
  }
  return CUDA_SUCCESS;
}

CUresult cuMemSetAccess(CUdeviceptr pointer, size_t size, const CUmemAccessDesc *descriptions,
                        size_t count) {
  ENTER();
  GUARD();
  struct range *found[64];
  int mappings = whole_mappings(pointer, size, found);
  if (mappings == 0 || descriptions == NULL || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; i++) {
    int device = physical_device(descriptions[i].location.id), flags = (int)descriptions[i].flags;
    if (descriptions[i].location.type != 1 || (flags != 0 && flags != 1 && flags != 3))
      return CUDA_ERROR_INVALID_VALUE;
    if (device < 0) return CUDA_ERROR_INVALID_DEVICE;
    for (int m = 0; m < mappings; m++)
      if (found[m]->device != device && !can_access_peer(device, found[m]->device))
        return CUDA_ERROR_INVALID_DEVICE;
  }
  for (size_t i = 0; i < count; i++)
    for (int m = 0; m < mappings; m++)
      found[m]->access[physical_device(descriptions[i].location.id)] =
          (unsigned char)descriptions[i].flags;
  return CUDA_SUCCESS;
}
