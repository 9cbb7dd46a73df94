"""Between two channels: reads pictures, publishes edges, on the GPU or in host memory as they come. Times, id and damage of
each picture travel on to what was made of it.

    python torch_stage.py clip clip/edges
"""

import sys

import torch

import sluice

source, target = sys.argv[1:3]
with sluice.open_subscriber(source, when_lost="end") as view, torch.no_grad():
    height, width = view.manifest.format.fields["height"], view.manifest.format.fields["width"]
    form = sluice.tensor("f16", (height - 1, width - 1))
    memory = "host" if view.manifest.memory == "host" else "cuda:" + view.manifest.device["uuid"]
    with sluice.open_publisher(target, form, memory=memory) as edges:
        for frame in view:
            loan = edges.try_loan()
            if loan is None:  # everybody who reads the edges is behind
                continue
            y = frame[next(iter(frame.views))].as_torch()[..., :width].half()
            across, down = y[1:, 1:] - y[1:, :-1], y[1:, 1:] - y[:-1, 1:]
            torch.maximum(across.abs(), down.abs(), out=loan.as_torch())
            loan.publish(source=frame)  # at once: on a GPU nobody has waited so far
