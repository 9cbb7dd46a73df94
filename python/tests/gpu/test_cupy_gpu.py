"""Frames on a GPU as arrays of CuPy."""

import pytest

import sluice
from kernels import IS_SIMULATED

if IS_SIMULATED:
    pytest.skip("needs an NVIDIA GPU: CuPy knows no simulated one", allow_module_level=True)
cupy = pytest.importorskip("cupy")


def test_arrays_in_place_and_back():
    with sluice.open_publisher("a/b", sluice.tensor("f32", (64, 64)), memory="cuda") as publisher:
        with sluice.open_subscriber("a/b", delivery="every", timeout_s=20) as frames:
            stream = cupy.cuda.Stream(non_blocking=True)
            with stream:
                for value in range(1, 200):
                    with publisher.loan(20) as loan:
                        loan.as_cupy()[...] = value
                        loan.publish(stream=stream, pts_ns=value)
                    with frames.receive(20) as frame:
                        array = frame.as_cupy()
                        assert array.data.ptr == frame.pointer
                        total = (array != value).sum()
                        del array
                    assert int(total) == 0
            assert frames.stats()["bytes_copied"] == 0


def test_protocols_of_others():
    with sluice.open_publisher("a/b", sluice.video(100, 50, "nv12"), memory="cuda") as publisher:
        with sluice.open_subscriber("a/b", delivery="every", timeout_s=20) as frames:
            picture = cupy.random.randint(0, 255, (75, 100)).astype("u1")
            publisher.send(picture)
            with frames.receive(20) as frame:
                assert bool((cupy.asarray(frame) == picture).all())
                assert bool((cupy.from_dlpack(frame) == picture).all())
                assert bool((cupy.asarray(frame.y) == picture[:50]).all())
                array = frame.as_cupy()
                assert array.strides == (128, 1)
            assert frames.stats()["held"] == 1
            # What was asked for __cuda_array_interface__ is held by whoever asked: the frame itself.
            del array, frame
            assert frames.stats()["held"] == 0


def test_bf16_is_seen_as_bits():
    with sluice.open_publisher("a/b", sluice.tensor("bf16", (4,)), memory="cuda") as publisher:
        with sluice.open_subscriber("a/b", timeout_s=20) as frames:
            publisher.send(cupy.asarray([0x3F80, 0x4000, 0, 0], dtype="u2"))
            with frames.receive(20) as frame:
                assert frame.as_cupy().get().tolist() == [0x3F80, 0x4000, 0, 0]
