"""GPUs: the CUDA driver by ctypes, fences in stream order, slots in the memory of a GPU. Section 12 of spec/protocol.md.

Nothing here is imported, and no library loaded, before a channel has to do with a GPU.
"""
