/**
 * The functions of the CUDA driver that Sluice calls, each by its prototype in cuda.h, word for word: a test lets the C
 * compiler compare them with the header. The versioned symbols are named, because an unversioned one may be an older
 * function with narrower arguments.
 */
export const CUDA_PROTOTYPES = Object.freeze({
  cuInit: 'CUresult cuInit(unsigned int flags)',
  cuDriverGetVersion: 'CUresult cuDriverGetVersion(int *version)',
  cuGetErrorName: 'CUresult cuGetErrorName(CUresult error, const char **name)',
  cuGetErrorString: 'CUresult cuGetErrorString(CUresult error, const char **text)',

  cuDeviceGetCount: 'CUresult cuDeviceGetCount(int *count)',
  cuDeviceGet: 'CUresult cuDeviceGet(CUdevice *device, int ordinal)',
  cuDeviceGetName: 'CUresult cuDeviceGetName(char *name, int capacity, CUdevice device)',
  cuDeviceGetUuid: 'CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device)',
  cuDeviceGetPCIBusId: 'CUresult cuDeviceGetPCIBusId(char *id, int capacity, CUdevice device)',
  cuDeviceTotalMem: 'CUresult cuDeviceTotalMem_v2(size_t *byteLength, CUdevice device)',
  cuDeviceGetAttribute:
    'CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device)',
  cuDeviceCanAccessPeer: 'CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer)',

  cuDevicePrimaryCtxRetain:
    'CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)',
  cuCtxSetCurrent: 'CUresult cuCtxSetCurrent(CUcontext context)',
  cuCtxPushCurrent: 'CUresult cuCtxPushCurrent_v2(CUcontext context)',
  cuCtxPopCurrent: 'CUresult cuCtxPopCurrent_v2(CUcontext *context)',
  cuCtxGetDevice: 'CUresult cuCtxGetDevice(CUdevice *device)',
  cuCtxEnablePeerAccess: 'CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned int flags)',

  cuStreamCreate: 'CUresult cuStreamCreate(CUstream *stream, unsigned int flags)',
  cuStreamDestroy: 'CUresult cuStreamDestroy_v2(CUstream stream)',
  cuStreamGetCtx: 'CUresult cuStreamGetCtx(CUstream stream, CUcontext *context)',
  cuStreamQuery: 'CUresult cuStreamQuery(CUstream stream)',
  cuStreamSynchronize: 'CUresult cuStreamSynchronize(CUstream stream)',
  cuStreamWaitEvent:
    'CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags)',
  cuStreamWriteValue32:
    'CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value, unsigned int flags)',
  cuStreamWriteValue64:
    'CUresult cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned int flags)',
  cuStreamWaitValue64:
    'CUresult cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value, unsigned int flags)',

  cuEventCreate: 'CUresult cuEventCreate(CUevent *event, unsigned int flags)',
  cuEventDestroy: 'CUresult cuEventDestroy_v2(CUevent event)',
  cuEventRecord: 'CUresult cuEventRecord(CUevent event, CUstream stream)',
  cuEventQuery: 'CUresult cuEventQuery(CUevent event)',
  cuEventElapsedTime:
    'CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)',

  cuMemHostRegister:
    'CUresult cuMemHostRegister_v2(void *memory, size_t byteLength, unsigned int flags)',
  cuMemHostUnregister: 'CUresult cuMemHostUnregister(void *memory)',
  cuMemHostGetDevicePointer:
    'CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *memory, unsigned int flags)',

  cuMemAlloc: 'CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t byteLength)',
  cuMemFree: 'CUresult cuMemFree_v2(CUdeviceptr address)',
  cuMemGetInfo: 'CUresult cuMemGetInfo_v2(size_t *available, size_t *total)',
  cuMemcpyDtoHAsync:
    'CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t byteLength, CUstream stream)',
  cuMemcpyHtoDAsync:
    'CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t byteLength, CUstream stream)',
  cuMemcpyDtoDAsync:
    'CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t byteLength, CUstream stream)',
  cuMemcpy2DAsync: 'CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream stream)',
  cuMemsetD32Async:
    'CUresult cuMemsetD32Async(CUdeviceptr address, unsigned int value, size_t words, CUstream stream)',

  cuMemGetAllocationGranularity:
    'CUresult cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *properties, CUmemAllocationGranularity_flags option)',
  cuMemCreate:
    'CUresult cuMemCreate(CUmemGenericAllocationHandle *allocation, size_t byteLength, const CUmemAllocationProp *properties, unsigned long long flags)',
  cuMemRelease: 'CUresult cuMemRelease(CUmemGenericAllocationHandle allocation)',
  cuMemExportToShareableHandle:
    'CUresult cuMemExportToShareableHandle(void *shareable, CUmemGenericAllocationHandle allocation, CUmemAllocationHandleType type, unsigned long long flags)',
  cuMemImportFromShareableHandle:
    'CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *allocation, void *shareable, CUmemAllocationHandleType type)',
  cuMemAddressReserve:
    'CUresult cuMemAddressReserve(CUdeviceptr *address, size_t byteLength, size_t alignment, CUdeviceptr wish, unsigned long long flags)',
  cuMemAddressFree: 'CUresult cuMemAddressFree(CUdeviceptr address, size_t byteLength)',
  cuMemMap:
    'CUresult cuMemMap(CUdeviceptr address, size_t byteLength, size_t offset, CUmemGenericAllocationHandle allocation, unsigned long long flags)',
  cuMemUnmap: 'CUresult cuMemUnmap(CUdeviceptr address, size_t byteLength)',
  cuMemSetAccess:
    'CUresult cuMemSetAccess(CUdeviceptr address, size_t byteLength, const CUmemAccessDesc *descriptions, size_t count)',

  cuModuleLoadDataEx:
    'CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int count, CUjit_option *options, void **values)',
  cuModuleUnload: 'CUresult cuModuleUnload(CUmodule module)',
  cuModuleGetFunction:
    'CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)',
  cuFuncGetParamInfo:
    'CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *byteLength)',
  cuLaunchKernel:
    'CUresult cuLaunchKernel(CUfunction function, unsigned int gridX, unsigned int gridY, unsigned int gridZ, unsigned int blockX, unsigned int blockY, unsigned int blockZ, unsigned int sharedBytes, CUstream stream, void **parameters, void **extra)',
} as const);

export type CudaCall = keyof typeof CUDA_PROTOTYPES;

/** What older drivers have instead. Same arguments, and the same meaning for what Sluice does with them. */
export const OLDER_CUDA_SYMBOLS: ReadonlyMap<CudaCall, string> = new Map<CudaCall, string>([
  // 11.4: before it, the instances of a divided GPU had the UUID of the whole.
  ['cuDeviceGetUuid', 'cuDeviceGetUuid'],
  // 11.7: before it, a module parameter of the kernel driver had to allow them.
  ['cuStreamWriteValue32', 'cuStreamWriteValue32'],
  ['cuStreamWriteValue64', 'cuStreamWriteValue64'],
  ['cuStreamWaitValue64', 'cuStreamWaitValue64'],
]);

/** The types of cuda.h as koffi is to pass them. Handles are pointers below 2^48, so that they stay numbers. */
export const CUDA_TYPES = Object.freeze({
  CUresult: 'int',
  CUdevice: 'int',
  CUdevice_attribute: 'int',
  CUdeviceptr: 'unsigned long long',
  CUcontext: 'uintptr_t',
  CUstream: 'uintptr_t',
  CUevent: 'uintptr_t',
  CUmodule: 'uintptr_t',
  CUfunction: 'uintptr_t',
  CUjit_option: 'unsigned int',
  CUmemGenericAllocationHandle: 'unsigned long long',
  CUmemAllocationHandleType: 'int',
  CUmemAllocationGranularity_flags: 'int',
  cuuint32_t: 'uint32_t',
  cuuint64_t: 'uint64_t',
});

/** Structs that are only passed by their address: cuda-structs.ts packs them. */
export const CUDA_STRUCTS = [
  'CUuuid',
  'CUmemAllocationProp',
  'CUmemAccessDesc',
  'CUDA_MEMCPY2D',
] as const;
