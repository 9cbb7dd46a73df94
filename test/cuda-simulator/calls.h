/*
 * The driver calls of the simulator. The types are named as in cuda.h, so that a file which includes cuda.h before
 * this one is a check by the compiler that both agree; the simulator itself needs no CUDA.
 */
#ifndef SIMULATOR_CALLS_H
#define SIMULATOR_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "errors.h"

#ifndef CUDA_VERSION
#define ERROR_CODE(name, code, text) name = code,
typedef enum { SIMULATOR_ERRORS(ERROR_CODE) } CUresult;
#undef ERROR_CODE
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef unsigned long long CUmemGenericAllocationHandle;
typedef uint32_t cuuint32_t;
typedef uint64_t cuuint64_t;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct { char bytes[16]; } CUuuid;
typedef int CUdevice_attribute;
typedef int CUjit_option;
typedef int CUpointer_attribute;
typedef int CUmemAllocationHandleType;
typedef int CUmemAllocationGranularity_flags;
typedef struct { int type, id; } CUmemLocation;
typedef struct {
  int type, requestedHandleTypes;
  CUmemLocation location;
  void *win32HandleMetaData;
  unsigned char allocFlags[8];
} CUmemAllocationProp;
typedef struct { CUmemLocation location; int flags; } CUmemAccessDesc;
typedef int CUmemorytype;
typedef struct {
  size_t srcXInBytes, srcY;
  CUmemorytype srcMemoryType;
  const void *srcHost;
  CUdeviceptr srcDevice;
  void *srcArray;
  size_t srcPitch, dstXInBytes, dstY;
  CUmemorytype dstMemoryType;
  void *dstHost;
  CUdeviceptr dstDevice;
  void *dstArray;
  size_t dstPitch, WidthInBytes, Height;
} CUDA_MEMCPY2D;
#endif

#define CALL __attribute__((visibility("default"))) CUresult

CALL cuGetErrorName(CUresult error, const char **text);
CALL cuGetErrorString(CUresult error, const char **text);

CALL cuInit(unsigned int flags);
CALL cuDriverGetVersion(int *version);
CALL cuDeviceGetCount(int *count);
CALL cuDeviceGet(CUdevice *device, int ordinal);
CALL cuDeviceGetName(char *name, int length, CUdevice device);
CALL cuDeviceGetUuid(CUuuid *uuid, CUdevice device);
CALL cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device);
CALL cuDeviceGetPCIBusId(char *id, int length, CUdevice device);
CALL cuDeviceTotalMem_v2(size_t *bytes, CUdevice device);
CALL cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device);
CALL cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer);
CALL cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device);
CALL cuDevicePrimaryCtxRelease_v2(CUdevice device);

CALL cuCtxSetCurrent(CUcontext context);
CALL cuCtxGetCurrent(CUcontext *context);
CALL cuCtxPushCurrent_v2(CUcontext context);
CALL cuCtxPopCurrent_v2(CUcontext *context);
CALL cuCtxGetDevice(CUdevice *device);
CALL cuCtxSynchronize(void);
CALL cuCtxEnablePeerAccess(CUcontext peer, unsigned int flags);

CALL cuMemGetInfo_v2(size_t *available, size_t *total);
CALL cuMemGetAllocationGranularity(size_t *bytes, const CUmemAllocationProp *properties,
                                   CUmemAllocationGranularity_flags option);
CALL cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                 const CUmemAllocationProp *properties, unsigned long long flags);
CALL cuMemRelease(CUmemGenericAllocationHandle handle);
CALL cuMemExportToShareableHandle(void *descriptor, CUmemGenericAllocationHandle handle,
                                  CUmemAllocationHandleType type, unsigned long long flags);
CALL cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *descriptor,
                                    CUmemAllocationHandleType type);
CALL cuMemAddressReserve(CUdeviceptr *pointer, size_t size, size_t alignment, CUdeviceptr address,
                         unsigned long long flags);
CALL cuMemAddressFree(CUdeviceptr pointer, size_t size);
CALL cuMemMap(CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
              unsigned long long flags);
CALL cuMemUnmap(CUdeviceptr pointer, size_t size);
CALL cuMemSetAccess(CUdeviceptr pointer, size_t size, const CUmemAccessDesc *descriptions,
                    size_t count);

CALL cuMemAlloc_v2(CUdeviceptr *pointer, size_t size);
CALL cuMemFree_v2(CUdeviceptr pointer);
CALL cuMemHostAlloc(void **pointer, size_t size, unsigned int flags);
CALL cuMemFreeHost(void *pointer);
CALL cuMemHostRegister_v2(void *pointer, size_t size, unsigned int flags);
CALL cuMemHostUnregister(void *pointer);
CALL cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *pointer, unsigned int flags);
CALL cuPointerGetAttribute(void *value, CUpointer_attribute attribute, CUdeviceptr pointer);

CALL cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t length);
CALL cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t length);
CALL cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t length);
CALL cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t length, CUstream stream);
CALL cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t length, CUstream stream);
CALL cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t length, CUstream stream);
CALL cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t length, CUstream stream);
CALL cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream stream);
CALL cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count);
CALL cuMemsetD32_v2(CUdeviceptr to, unsigned int value, size_t count);
CALL cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream);
CALL cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count, CUstream stream);

CALL cuStreamCreate(CUstream *stream, unsigned int flags);
CALL cuStreamDestroy_v2(CUstream stream);
CALL cuStreamQuery(CUstream stream);
CALL cuStreamSynchronize(CUstream stream);
CALL cuStreamGetCtx(CUstream stream, CUcontext *context);
CALL cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags);
CALL cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value,
                             unsigned int flags);
CALL cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value,
                             unsigned int flags);
CALL cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, cuuint32_t value,
                            unsigned int flags);
CALL cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address, cuuint64_t value,
                            unsigned int flags);

CALL cuEventCreate(CUevent *event, unsigned int flags);
CALL cuEventDestroy_v2(CUevent event);
CALL cuEventRecord(CUevent event, CUstream stream);
CALL cuEventQuery(CUevent event);
CALL cuEventSynchronize(CUevent event);
CALL cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end);
CALL cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end);

CALL cuModuleLoadData(CUmodule *module, const void *image);
CALL cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int count,
                        CUjit_option *options, void **values);
CALL cuModuleUnload(CUmodule module);
CALL cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name);
CALL cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *size);
CALL cuLaunchKernel(CUfunction function, unsigned int gridX, unsigned int gridY,
                    unsigned int gridZ, unsigned int blockX, unsigned int blockY,
                    unsigned int blockZ, unsigned int sharedBytes, CUstream stream,
                    void **parameters, void **extra);

#endif
