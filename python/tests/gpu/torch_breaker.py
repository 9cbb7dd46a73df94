"""A subscriber that adds to a received frame in place."""

import json
import sys

import torch

import sluice

given = json.loads(sys.argv[1])
publisher = sluice.open_publisher("broken", sluice.tensor("f32", (4,)), memory="cuda", directory=given["directory"])
reader = sluice.open_subscriber("broken", delivery="every", max_held=2, directory=given["directory"], timeout_s=20)
publisher.send(torch.zeros(4, device="cuda"))
frame = reader.receive(20)
kept = frame.retain()
tensor = frame.as_torch()
tensor.add_(1)
found = {}
try:
    frame.release()
except sluice.ReadOnlyError as error:
    found["written"] = str(error)
try:
    torch.cuda.synchronize()
except Exception:  # noqa: BLE001 - PyTorch's own, which says nothing of the frame
    pass
del tensor
try:
    kept.as_torch()
except sluice.SluiceError as error:
    found["code"], found["message"] = error.code, str(error)
except Exception as error:  # noqa: BLE001
    found["other"] = repr(error)
print(json.dumps(found), flush=True)
sys.stdout.flush()
import os  # noqa: E402

os._exit(0)
