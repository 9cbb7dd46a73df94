/* What a device may touch: shared allocations, plain ones, registered host memory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simulator.h"

/* Memory starts with rubbish in as far as that costs little: who leans on zeros is found. */
enum { RUBBISH = 0xa5, RUBBISH_BYTES = 65536 };

#define NAME "sluice-simulated-gpu-"
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define ALL_DEVICES 0xffff

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

static struct range *ranges;
static struct reservation *reservations;
static uint64_t used[DEVICES_MAX];

uint64_t memory_used(int device) { return used[device]; }

static bool reserve_bytes(int device, uint64_t size) {
  if (size > configuration.bytes - used[device]) return false;
  used[device] += size;
  return true;
}

/* --- the table --- */

static struct range *range_add(enum range_kind kind, uint64_t address, uint64_t length) {
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

static void range_remove(struct range *range) {
  for (struct range **link = &ranges; *link != NULL; link = &(*link)->next) {
    if (*link != range) continue;
    *link = range->next;
    break;
  }
  atomic_store(&range->gone, true);
  if (range->users == 0) range_free(range);
}

static bool holds(uint64_t start, uint64_t size, uint64_t address, uint64_t length) {
  return address >= start && address - start < size && length <= size - (address - start);
}

static bool overlaps(uint64_t start, uint64_t size, uint64_t address, uint64_t length) {
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
  for (struct reservation *item = reservations; item != NULL; item = item->next)
    if (holds(item->address, item->size, address, 1)) return true;
  return false;
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
static uint64_t reserve_addresses(uint64_t size, uint64_t alignment) {
  char *start = mmap(NULL, size + alignment, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return 0;
  char *aligned = (char *)(((uintptr_t)start + alignment - 1) / alignment * alignment);
  if (aligned > start) munmap(start, (size_t)(aligned - start));
  munmap(aligned + size, (size_t)(start + alignment - aligned));
  return (uint64_t)(uintptr_t)aligned;
}

/* --- shared allocations --- */

/* 0, or what is wrong with the properties; `device` is of the machine then. */
static CUresult allocation_device(const CUmemAllocationProp *properties, int *device) {
  enum { PINNED = 1, DEVICE = 1 };
  if (properties == NULL || properties->type != PINNED || properties->location.type != DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  *device = physical_device(properties->location.id);
  return *device < 0 ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
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
  if (allocation->created_here) used[allocation->device] -= allocation->size;
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
    used[device] -= size;
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
  if (type != 1 || device < 0 || fstat(number, &status) != 0) return CUDA_ERROR_INVALID_VALUE;
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

CUresult cuMemAddressReserve(CUdeviceptr *pointer, size_t size, size_t alignment, CUdeviceptr address,
                             unsigned long long flags) {
  ENTER();
  GUARD();
  (void)address; /* a hint */
  if (flags != 0 || size == 0 || size % GRANULARITY_BYTES != 0 || (alignment & (alignment - 1)) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  uint64_t start = reserve_addresses(size, alignment < GRANULARITY_BYTES ? GRANULARITY_BYTES : alignment);
  if (start == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  struct reservation *reservation = calloc(1, sizeof *reservation);
  *reservation = (struct reservation){reservations, start, size};
  reservations = reservation;
  *pointer = start;
  return CUDA_SUCCESS;
}

static bool has_mapping(uint64_t address, uint64_t size) {
  for (struct range *range = ranges; range != NULL; range = range->next)
    if (range->kind == RANGE_SHARED && overlaps(range->device_address, range->length, address, size))
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

static bool is_reserved(uint64_t address, uint64_t size) {
  for (struct reservation *item = reservations; item != NULL; item = item->next)
    if (holds(item->address, item->size, address, size)) return true;
  return false;
}

/* The driver maps whole allocations only. Nobody may touch the mapping before cuMemSetAccess. */
CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
  ENTER();
  GUARD();
  struct allocation *allocation = handle_find(KIND_ALLOCATION, handle);
  if (allocation == NULL || flags != 0 || offset != 0 || size != allocation->size ||
      pointer % GRANULARITY_BYTES != 0 || !is_reserved(pointer, size))
    return CUDA_ERROR_INVALID_VALUE;
  if (has_mapping(pointer, size)) return CUDA_ERROR_ALREADY_MAPPED;
  void *storage = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, allocation->descriptor, 0);
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
    if (range->kind != RANGE_SHARED || !overlaps(range->device_address, range->length, address, size))
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
  void *storage = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
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
  for (struct range *range = ranges; range != NULL; range = range->next) {
    if (range->kind != RANGE_PLAIN || range->device_address != pointer) continue;
    plain_free(range);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

/* --- host memory --- */

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
  if (pointer == NULL || size == 0 || (flags & ~(unsigned int)(HOST_PORTABLE | HOST_DEVICEMAP | HOST_READ_ONLY)) != 0)
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
    if (range->kind == RANGE_HOST && range->host_address == (uint64_t)(uintptr_t)pointer) return range;
  return NULL;
}

CUresult cuMemHostUnregister(void *pointer) {
  ENTER();
  GUARD();
  struct context *context = NULL;
  CUresult failure = current_context(&context);
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
  void *memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
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
  struct range *range = registered_at(pointer);
  if (range == NULL) return CUDA_ERROR_INVALID_VALUE;
  munmap(pointer, (range->length + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
  range_remove(range);
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
