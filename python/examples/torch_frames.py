"""The brightness of each frame, by PyTorch where the frame is: in host memory, or on a GPU.

    ffmpeg -v error -re -f lavfi -i testsrc2=s=640x480:r=25 -f rawvideo -pix_fmt nv12 - |
        sluice pub clip --video nv12:640x480 --memory cuda:0
    python torch_frames.py clip
"""

import sys

import torch

import sluice

with sluice.open_subscriber(sys.argv[1], when_lost="end") as view, torch.no_grad():
    for frame in view:
        x = frame.as_torch()  # the publisher's memory, no copy; x is not to be written
        same = x.data_ptr() == frame.pointer
        print(
            frame.sequence, frame.memory, "in place" if same else "a copy", f"{x.float().mean().item():.1f}", flush=True
        )
