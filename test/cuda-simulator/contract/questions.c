/* Questions that one thread asks. */
#include "contract.h"

#include <fcntl.h>
#include <string.h>

static void before_init(void) {
  int count;
  SAY("device count before cuInit", CU(cuDeviceGetCount, &count));
}

static void without_context(void) {
  CUdeviceptr address;
  CUcontext context;
  CUstream made;
  CUdevice found;
  DO(cuInit, 0);
  SAY("alloc without a context", CU(cuMemAlloc_v2, &address, 4096));
  SAY("stream without a context", CU(cuStreamCreate, &made, 1));
  SAY("context of stream 0 without a context", CU(cuStreamGetCtx, NULL, &context));
  SAY("device of the context without one", CU(cuCtxGetDevice, &found));
  SAY("pop of no context", CU(cuCtxPopCurrent_v2, &context));
  SAY("device 99", CU(cuDeviceGet, &found, 99));
  device = 0;
  CUmemGenericAllocationHandle handle = created();
  CUdeviceptr mapping = reserved(SIZE);
  SAY("map without a context", CU(cuMemMap, mapping, SIZE, 0, handle, 0));
  SAY("access without a context", set_access(mapping, SIZE, 3));
  int descriptor;
  SAY("export without a context", CU(cuMemExportToShareableHandle, &descriptor, handle, 1, 0));
  SAY("host registration without a context", CU(cuMemHostRegister_v2, shared(3), SIZE, REGISTER));
}

static void registration(void) {
  begin();
  char *memory = shared(PROT_READ | PROT_WRITE), *read = shared(PROT_READ), *again = shared(3);
  CUdeviceptr address;
  SAY("register a read-only map as writable", CU(cuMemHostRegister_v2, read, SIZE, REGISTER));
  SAY("register a read-only map as read-only",
      CU(cuMemHostRegister_v2, read, SIZE, REGISTER | READ_ONLY));
  SAY("register", CU(cuMemHostRegister_v2, memory, SIZE, REGISTER));
  SAY("register twice", CU(cuMemHostRegister_v2, memory, SIZE, REGISTER));
  SAY("register a part again", CU(cuMemHostRegister_v2, memory + 4096, 4096, REGISTER));
  SAY("device pointer of an inner byte",
      CU(cuMemHostGetDevicePointer_v2, &address, memory + 100, 0));
  SAY("which is the host pointer", address == (CUdeviceptr)(uintptr_t)memory + 100);
  SAY("device pointer of unregistered memory",
      CU(cuMemHostGetDevicePointer_v2, &address, again, 0));
  SAY("unregister an inner byte", CU(cuMemHostUnregister, memory + 4096));
  SAY("unregister", CU(cuMemHostUnregister, memory));
  SAY("unregister twice", CU(cuMemHostUnregister, memory));
  SAY("register at an odd address", CU(cuMemHostRegister_v2, again + 100, 5000, REGISTER));
  SAY("register beside it on the same page",
      CU(cuMemHostRegister_v2, again + 5100, 1000, REGISTER));
  SAY("register nothing", CU(cuMemHostRegister_v2, memory, 0, REGISTER));
  SAY("register with unknown flags", CU(cuMemHostRegister_v2, memory, SIZE, 256));
  munmap(memory, SIZE);
  SAY("register unmapped memory", CU(cuMemHostRegister_v2, memory, SIZE, REGISTER));
  char *late = shared(3);
  DO(cuMemHostRegister_v2, late, SIZE, REGISTER);
  munmap(late, SIZE);
  SAY("unregister unmapped memory", CU(cuMemHostUnregister, late));
  char *private = mmap(NULL, SIZE, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SAY("register private memory", CU(cuMemHostRegister_v2, private, SIZE, REGISTER));
}

static void values(void) {
  begin();
  char *memory = shared(3);
  CUdeviceptr word = registered(memory, REGISTER), local = read_only_import();
  volatile uint64_t *host = (volatile uint64_t *)(void *)memory;
  SAY("write a word", CU(cuStreamWriteValue64_v2, stream, word, 5, 0));
  SAY("wait for the word", CU(cuStreamWaitValue64_v2, stream, word, 3, 0));
  SAY("sync", CU(cuStreamSynchronize, stream));
  SAY("write with unknown flags", CU(cuStreamWriteValue64_v2, stream, word, 5, 16));
  SAY("wait with unknown flags", CU(cuStreamWaitValue64_v2, stream, word, 5, 16));
  SAY("write 64 at 4", CU(cuStreamWriteValue64_v2, stream, word + 4, 5, 0));
  SAY("write 32 at 2", CU(cuStreamWriteValue32_v2, stream, word + 2, 5, 0));
  SAY("wait 64 at 4", CU(cuStreamWaitValue64_v2, stream, word + 4, 5, 0));
  SAY("wait on a read-only import", CU(cuStreamWaitValue32_v2, other, local, 0, 0));
  host[1] = (uint64_t)-1;
  SAY("wait for 5 while the word is -1", CU(cuStreamWaitValue64_v2, stream, word + 8, 5, 0));
  usleep(100000);
  SAY("query", CU(cuStreamQuery, stream));
  host[1] = 5;
  SAY("sync", CU(cuStreamSynchronize, stream));
  host[1] = 0x7fffffffffff;
  DO(cuStreamWaitValue64_v2, stream, word + 8, 5, 0);
  SAY("a poison frees", CU(cuStreamSynchronize, stream));
}

static void write_to_import(void) {
  begin();
  CUdeviceptr local = read_only_import();
  SAY("write a word to a read-only import", CU(cuStreamWriteValue64_v2, stream, local, 5, 0));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void write_to_nothing(void) {
  begin();
  SAY("write 64 to no memory", CU(cuStreamWriteValue64_v2, stream, 0x10000, 5, 0));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void write_to_reserved(void) {
  begin();
  CUdeviceptr hidden = reserved(SIZE);
  SAY("write 64 to reserved addresses", CU(cuStreamWriteValue64_v2, stream, hidden, 5, 0));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void wait_on_nothing(void) {
  begin();
  SAY("wait on no memory", CU(cuStreamWaitValue64_v2, stream, 0x10000, 5, 0));
  usleep(200000);
  SAY("query", CU(cuStreamQuery, stream));
}

static void write_to_read_only(void) {
  begin();
  CUdeviceptr read = registered(shared(PROT_READ), REGISTER | READ_ONLY);
  SAY("write 64 to a read-only registration", CU(cuStreamWriteValue64_v2, stream, read, 5, 0));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void fill_read_only(void) {
  begin();
  CUdeviceptr read = registered(shared(PROT_READ), REGISTER | READ_ONLY);
  SAY("fill of a read-only registration", CU(cuMemsetD32Async, read, 1, 16, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void copy_into_read_only(void) {
  begin();
  prepare_alloc();
  CUdeviceptr read = registered(shared(PROT_READ), REGISTER | READ_ONLY);
  SAY("copy into a read-only registration",
      CU(cuMemcpyDtoDAsync_v2, read, pointer_made, 64, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void fill_reserved(void) {
  begin();
  CUdeviceptr hidden = reserved(SIZE);
  SAY("fill of reserved addresses", CU(cuMemsetD32Async, hidden, 1, 16, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void past_the_end(void) {
  begin();
  CUdeviceptr local = read_only_import();
  prepare_alloc();
  SAY("copy past the end", CU(cuMemcpyDtoDAsync_v2, pointer_made, local + SIZE - 32, 64, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void copy_to_device_as_host(void) {
  begin();
  CUdeviceptr local = read_only_import();
  prepare_alloc();
  void *to = (void *)(uintptr_t)pointer_made;
  SAY("copy to the host at a device address", CU(cuMemcpyDtoHAsync_v2, to, local, 64, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void copies(void) {
  begin();
  CUdeviceptr local = read_only_import(), whole, none;
  char *memory = shared(3);
  DO(cuMemAlloc_v2, &whole, SIZE);
  SAY("fill of a read-only import", CU(cuMemsetD32Async, local, 1, 16, stream));
  SAY("copy into a read-only import", CU(cuMemcpyDtoDAsync_v2, local, whole, 64, stream));
  SAY("host copy into a read-only import", CU(cuMemcpyHtoDAsync_v2, local, memory, 64, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
  SAY("copy from a read-only import", CU(cuMemcpyDtoDAsync_v2, whole, local, 64, stream));
  SAY("fill of no memory", CU(cuMemsetD32Async, 0x10000, 1, 16, stream));
  SAY("fill at 2", CU(cuMemsetD32Async, whole + 2, 1, 16, stream));
  SAY("copy of nothing", CU(cuMemcpyDtoDAsync_v2, whole, local, 0, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
  SAY("alloc of nothing", CU(cuMemAlloc_v2, &none, 0));
  SAY("free of an inner byte", CU(cuMemFree_v2, whole + 256));
  SAY("free", CU(cuMemFree_v2, whole));
  SAY("free twice", CU(cuMemFree_v2, whole));
  SAY("free of 0", CU(cuMemFree_v2, 0));
  SAY("alloc of too much", CU(cuMemAlloc_v2, &none, (size_t)1 << 45));
}

/* Rows of 8 bytes from one pitch to another: what a decoder's picture is copied by. */
static void rows(void) {
  begin();
  CUdeviceptr whole;
  unsigned int found[3] = {0, 0, 0};
  DO(cuMemAlloc_v2, &whole, SIZE);
  DO(cuMemsetD32Async, whole, 7, SIZE / 4, stream);
  DO(cuMemsetD32Async, whole + 32, 9, 2, stream);
  CUDA_MEMCPY2D copy;
  memset(&copy, 0, sizeof copy);
  copy.srcMemoryType = copy.dstMemoryType = 2;
  copy.srcDevice = whole, copy.srcPitch = 32;
  copy.dstDevice = whole + 4096, copy.dstPitch = 16;
  copy.WidthInBytes = 8, copy.Height = 2;
  DO(cuMemsetD32Async, whole + 4096, 1, 16, stream);
  SAY("copy of rows", CU(cuMemcpy2DAsync_v2, &copy, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
  DO(cuMemcpyDtoH_v2, found, whole + 4096, 4);
  DO(cuMemcpyDtoH_v2, found + 1, whole + 4096 + 8, 4);
  DO(cuMemcpyDtoH_v2, found + 2, whole + 4096 + 16, 4);
  SAY("the first row", (int)found[0]);
  SAY("behind it", (int)found[1]);
  SAY("the second row", (int)found[2]);
  copy.Height = 0;
  SAY("copy of no rows", CU(cuMemcpy2DAsync_v2, &copy, stream));
  copy.Height = 2, copy.WidthInBytes = 24;
  SAY("copy of rows wider than the pitch of the target", CU(cuMemcpy2DAsync_v2, &copy, stream));
  copy.WidthInBytes = 40, copy.dstPitch = 64;
  SAY("copy of rows wider than the pitch of the source", CU(cuMemcpy2DAsync_v2, &copy, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void allocations(void) {
  begin();
  CUmemAllocationProp wanted = properties();
  CUmemGenericAllocationHandle handle, local;
  CUdeviceptr address = 0;
  size_t granularity = 0;
  int descriptor, not_ours[2];
  SAY("granularity",
      (CU(cuMemGetAllocationGranularity, &granularity, &wanted, 0), (int)granularity));
  SAY("create a size that does not fit", CU(cuMemCreate, &handle, 4096, &wanted, 0));
  SAY("create nothing", CU(cuMemCreate, &handle, 0, &wanted, 0));
  SAY("create too much", CU(cuMemCreate, &handle, (size_t)1 << 45, &wanted, 0));
  wanted.requestedHandleTypes = 0;
  DO(cuMemCreate, &local, SIZE, &wanted, 0);
  SAY("export without having asked", CU(cuMemExportToShareableHandle, &descriptor, local, 1, 0));
  wanted = properties();
  wanted.location.id = 99;
  SAY("create on device 99", CU(cuMemCreate, &handle, SIZE, &wanted, 0));
  handle = created();
  descriptor = exported(handle);
  SAY("the descriptor is closed by exec", (fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
  if (pipe(not_ours) != 0) exit(1);
  SAY("import a pipe",
      CU(cuMemImportFromShareableHandle, &local, (void *)(intptr_t)not_ours[0], 1));
  int memfd = memfd_create("contract", 0);
  if (ftruncate(memfd, SIZE) != 0) exit(1);
  SAY("import a memfd", CU(cuMemImportFromShareableHandle, &local, (void *)(intptr_t)memfd, 1));
  SAY("import no descriptor", CU(cuMemImportFromShareableHandle, &local, (void *)(intptr_t)-1, 1));
  SAY("import a closed descriptor",
      CU(cuMemImportFromShareableHandle, &local, (void *)(intptr_t)900, 1));
  local = imported(descriptor);
  SAY("import twice", CU(cuMemImportFromShareableHandle, &handle, (void *)(intptr_t)descriptor, 1));
  address = reserved(4 * SIZE);
  SAY("map more than there is", CU(cuMemMap, address, 2 * SIZE, 0, local, 0));
  SAY("map at an offset", CU(cuMemMap, address, SIZE, SIZE, local, 0));
  SAY("map at an odd address", CU(cuMemMap, address + 4096, SIZE, 0, local, 0));
  SAY("map", CU(cuMemMap, address, SIZE, 0, local, 0));
  SAY("map onto a mapping", CU(cuMemMap, address, SIZE, 0, local, 0));
  SAY("fill before access was set", CU(cuMemsetD32Async, address, 1, 16, stream));
  SAY("access of kind 2", set_access(address, SIZE, 2));
  SAY("access of unmapped addresses", set_access(address + SIZE, SIZE, 3));
  SAY("access past the mapping", set_access(address, 2 * SIZE, 3));
  SAY("access", set_access(address, SIZE, 3));
  SAY("free of mapped addresses", CU(cuMemAddressFree, address, 4 * SIZE));
  SAY("release while mapped", CU(cuMemRelease, local));
  SAY("fill after the release", CU(cuMemsetD32Async, address, 1, 16, stream));
  SAY("sync", CU(cuStreamSynchronize, stream));
  SAY("unmap unmapped addresses", CU(cuMemUnmap, address + SIZE, SIZE));
  SAY("unmap", CU(cuMemUnmap, address, SIZE));
  SAY("unmap twice", CU(cuMemUnmap, address, SIZE));
  SAY("free of half the addresses", CU(cuMemAddressFree, address, SIZE));
  SAY("free of the addresses", CU(cuMemAddressFree, address, 4 * SIZE));
  SAY("free twice", CU(cuMemAddressFree, address, 4 * SIZE));
  SAY("reserve 4096 bytes", CU(cuMemAddressReserve, &address, 4096, 0, 0, 0));
  SAY("reserve nothing", CU(cuMemAddressReserve, &address, 0, 0, 0, 0));
}

static void map_less(void) {
  begin();
  CUmemAllocationProp wanted = properties();
  CUmemGenericAllocationHandle handle;
  DO(cuMemCreate, &handle, 2 * SIZE, &wanted, 0);
  CUdeviceptr address = reserved(2 * SIZE);
  CUmemGenericAllocationHandle local = imported(exported(handle));
  SAY("map less than there is", CU(cuMemMap, address, SIZE, 0, handle, 0));
  SAY("map less of an import", CU(cuMemMap, address + SIZE, SIZE, 0, local, 0));
}

static void events(void) {
  begin();
  CUevent first, second, untimed;
  float time = -1;
  CUdeviceptr word = registered(shared(3), REGISTER);
  SAY("event with unknown flags", CU(cuEventCreate, &first, 64));
  SAY("stream with unknown flags", CU(cuStreamCreate, &stream, 64));
  DO(cuEventCreate, &first, 0);
  DO(cuEventCreate, &second, 0);
  DO(cuEventCreate, &untimed, 2);
  SAY("query of an event never recorded", CU(cuEventQuery, first));
  SAY("time of events never recorded", CU(cuEventElapsedTime, &time, first, second));
  SAY("wait for an event never recorded", CU(cuStreamWaitEvent, stream, first, 0));
  DO(cuEventRecord, first, stream);
  DO(cuStreamWaitValue64_v2, stream, word, 1, 0);
  DO(cuEventRecord, second, stream);
  DO(cuEventRecord, untimed, stream);
  DO(cuStreamWaitEvent, other, second, 0);
  usleep(50000);
  SAY("query of a reached event", CU(cuEventQuery, first));
  SAY("query of an event not reached", CU(cuEventQuery, second));
  SAY("time of an event not reached", CU(cuEventElapsedTime, &time, first, second));
  SAY("query of the stream", CU(cuStreamQuery, stream));
  SAY("query of the stream that waits for it", CU(cuStreamQuery, other));
  DO(cuStreamWriteValue64_v2, NULL, word, 1, 0);
  SAY("sync", CU(cuStreamSynchronize, other));
  SAY("time", CU(cuEventElapsedTime, &time, first, second));
  SAY("which is above 40 ms", time > 40);
  SAY("time of untimed events", CU(cuEventElapsedTime, &time, first, untimed));
  SAY("destroy of stream 0", CU(cuStreamDestroy_v2, NULL));
}

static void kernels(void) {
  begin();
  CUmodule module;
  CUfunction function;
  CUdeviceptr whole;
  DO(cuMemAlloc_v2, &whole, SIZE);
  SAY("load of no PTX", CU(cuModuleLoadData, &module, "this is no PTX"));
  SAY("load of nothing", CU(cuModuleLoadData, &module, NULL));
  CUfunction store = store32();
  DO(cuModuleLoadData, &module, ".version 7.0\n.target sm_52\n.address_size 64\n");
  SAY("an unknown kernel", CU(cuModuleGetFunction, &function, module, "no_such_kernel"));
  SAY("launch", launch(store, whole, 1));
  SAY("launch of no threads", launch(store, whole, 0));
  SAY("launch of 2048 threads", launch(store, whole, 2048));
  SAY("sync", CU(cuStreamSynchronize, stream));
  size_t offset = 0, size = 0;
  SAY("parameter 1", CU(cuFuncGetParamInfo, store, 1, &offset, &size));
  SAY("its offset", (int)offset);
  SAY("its size", (int)size);
  SAY("parameter 2", CU(cuFuncGetParamInfo, store, 2, &offset, &size));
  unsigned int found = 0;
  DO(cuMemcpyDtoH_v2, &found, whole, 4);
  SAY("stored", (int)found);
}

static void no_memory_for_kernel(void) {
  begin();
  SAY("launch onto no memory", launch(store32(), 0x10000, 1));
  SAY("sync", CU(cuStreamSynchronize, stream));
}

static void sticky(void) {
  begin();
  CUmemGenericAllocationHandle handle = created(), unmapped = created(), more;
  CUmemAllocationProp wanted = properties();
  CUdeviceptr local = mapped(imported(exported(handle)), 1), whole, address,
              hidden = reserved(SIZE);
  CUdeviceptr second = mapped(created(), 3);
  char *memory = shared(3), *fresh = shared(3);
  registered(memory, REGISTER);
  CUcontext context, same;
  CUevent event, made_event;
  DO(cuStreamGetCtx, stream, &context);
  CUstream made;
  CUmodule module;
  int value, descriptor;
  size_t size, total;
  DO(cuMemAlloc_v2, &whole, SIZE);
  DO(cuEventCreate, &event, 0);
  SAY("launch onto a read-only import", launch(store32(), local, 1));
  SAY("sync", CU(cuStreamSynchronize, stream));
  SAY("after it: query", CU(cuStreamQuery, stream));
  SAY("query of the other stream", CU(cuStreamQuery, other));
  SAY("query of an event", CU(cuEventQuery, event));
  SAY("new event", CU(cuEventCreate, &made_event, 0));
  SAY("destroy of an event", CU(cuEventDestroy_v2, event));
  SAY("new stream", CU(cuStreamCreate, &made, 1));
  SAY("context of a stream", CU(cuStreamGetCtx, stream, &same));
  SAY("write of a word", CU(cuStreamWriteValue64_v2, stream, second, 5, 0));
  SAY("fill", CU(cuMemsetD32Async, whole, 1, 16, other));
  SAY("alloc", CU(cuMemAlloc_v2, &address, 4096));
  SAY("free", CU(cuMemFree_v2, whole));
  SAY("register", CU(cuMemHostRegister_v2, fresh, SIZE, REGISTER));
  SAY("device pointer", CU(cuMemHostGetDevicePointer_v2, &address, memory, 0));
  SAY("unregister", CU(cuMemHostUnregister, memory));
  SAY("memory info", CU(cuMemGetInfo_v2, &size, &total));
  SAY("load", CU(cuModuleLoadData, &module, ".version 7.0\n.target sm_52\n.address_size 64\n"));
  SAY("sync of the context", CU(cuCtxSynchronize));
  SAY("set the context", CU(cuCtxSetCurrent, context));
  SAY("device of the context", CU(cuCtxGetDevice, &value));
  SAY("attribute", CU(cuDeviceGetAttribute, &value, 75, device));
  SAY("retain", CU(cuDevicePrimaryCtxRetain, &same, device));
  SAY("granularity", CU(cuMemGetAllocationGranularity, &size, &wanted, 0));
  SAY("create", CU(cuMemCreate, &more, SIZE, &wanted, 0));
  SAY("export", CU(cuMemExportToShareableHandle, &descriptor, handle, 1, 0));
  SAY("import", CU(cuMemImportFromShareableHandle, &more, (void *)(intptr_t)descriptor, 1));
  SAY("reserve", CU(cuMemAddressReserve, &address, SIZE, 0, 0, 0));
  SAY("map", CU(cuMemMap, hidden, SIZE, 0, unmapped, 0));
  SAY("access", set_access(second, SIZE, 1));
  SAY("unmap", CU(cuMemUnmap, second, SIZE));
  SAY("release", CU(cuMemRelease, handle));
  SAY("free of addresses", CU(cuMemAddressFree, second, SIZE));
  SAY("destroy of a stream", CU(cuStreamDestroy_v2, stream));
}

question *const simple_questions[] = {before_init,
                                      without_context,
                                      registration,
                                      values,
                                      write_to_import,
                                      write_to_nothing,
                                      write_to_reserved,
                                      wait_on_nothing,
                                      write_to_read_only,
                                      fill_read_only,
                                      copy_into_read_only,
                                      fill_reserved,
                                      past_the_end,
                                      copy_to_device_as_host,
                                      copies,
                                      rows,
                                      allocations,
                                      map_less,
                                      events,
                                      kernels,
                                      no_memory_for_kernel,
                                      sticky,
                                      NULL};
