"""Reads frames in the memory of a GPU as PyTorch tensors by the Python client: for ``gpu-python``."""

import answers
import sluice
import torch
from held import Held
from torch_stream import LITTLE, Passed

_subscribers = {}
_held = {}


def open_channel(directory, channel, device):
    torch.cuda.set_device(device)
    _subscribers[channel] = sluice.open_subscriber(
        channel, device=f"cuda:{device}", max_held=1, directory=directory, timeout_s=answers.PATIENCE_S
    )


def burst(channel, count, mode):
    """The median of ``count`` frames after the first. ``cost``: what a frame that is there costs this thread: the look, its
    tensor, its release. ``hand``: from its publication until the tensor is there. ``stream``: until a kernel that reads
    it has run."""
    subscriber = _subscribers[channel]
    clock = answers.cpu_ns if mode == "cost" else answers.clock_ns
    passed = Passed()
    samples = []
    for index in range(count + 1):
        if mode == "cost":
            answers.spin(lambda: subscriber.stats()["lag"] or None)
        frame, began_ns = answers.spin(subscriber.try_receive, clock)
        tensor = frame.as_torch()
        there_ns = clock()
        if mode == "stream":
            passed.wait(tensor)
            there_ns = clock()
        pts_ns = frame.pts_ns
        del tensor
        frame.release()
        if index > 0:
            samples.append(clock() - began_ns if mode == "cost" else there_ns - pts_ns)
    return answers.median_us(samples)


def hold(directory, channel):
    """Takes the newest frame and waits for the next one in a thread, by a subscriber that ends with its publisher."""
    subscriber = sluice.open_subscriber(
        channel,
        device=f"cuda:{torch.cuda.current_device()}",
        when_lost="end",
        directory=directory,
        timeout_s=answers.PATIENCE_S,
    )
    frame = subscriber.receive(timeout_s=answers.PATIENCE_S)
    tensor = frame.as_torch().reshape(-1)[:LITTLE]
    before = tensor.cpu()
    _held[channel] = Held(lambda: int((tensor.cpu() != before).sum()), subscriber.receive), frame


def seen(channel, patience_ms):
    held, _ = _held[channel]
    return held.seen(patience_ms)


def stats(channel):
    return _subscribers[channel].stats()


if __name__ == "__main__":
    answers.serve({"open": open_channel, "burst": burst, "hold": hold, "seen": seen, "stats": stats})
