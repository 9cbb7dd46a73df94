"""Frames as tensors of PyTorch, in host memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sluice
from peers import until

torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parent.parent


def pair(form, publish=None, **read):
    publisher = sluice.open_publisher("a/b", form, **(publish or {}))
    return publisher, sluice.open_subscriber("a/b", timeout_s=5, **read)


def test_a_tensor_is_the_publishers_memory():
    publisher, reader = pair(sluice.tensor("f32", (4, 8)))
    with publisher, reader:
        loan = publisher.loan(1)
        written = torch.add(torch.ones(4, 8), 1, out=loan.as_torch())
        assert written.data_ptr() == loan.pointer
        loan.publish()
        with reader.receive(1) as frame:
            seen = frame.as_torch()
            assert seen.data_ptr() == frame.pointer and seen.dtype == torch.float32 and (seen == 2).all()
            # Not what one should do: it shows that both are the same memory.
            written += 1
            assert (seen == 3).all()
        assert reader.stats()["bytes_copied"] == 0


def test_pictures_have_the_pitch_as_row_stride():
    publisher, reader = pair(sluice.video(100, 50, "nv12"))
    with publisher, reader:
        publisher.send(torch.arange(75 * 100, dtype=torch.int32).to(torch.uint8).reshape(75, 100))
        with reader.receive(1) as frame:
            assert frame.as_torch().shape == (75, 100) and frame.as_torch().stride() == (128, 1)
            assert frame.y.as_torch().shape == (50, 100) and frame.uv.as_torch().shape == (25, 50, 2)
            copy = frame.to_torch()
            assert copy.is_contiguous() and (copy == frame.as_torch()).all()
        copy += 1


def test_autograd_holds_the_slot():
    publisher, reader = pair(sluice.tensor("f32", (16,)))
    with publisher, reader:
        publisher.send(torch.arange(16, dtype=torch.float32))
        weight = torch.ones(16, requires_grad=True)
        with reader.receive(1) as frame:
            loss = (frame.as_torch() * weight).sum()
        assert reader.stats()["held"] == 1
        for value in range(20):
            publisher.send(torch.full((16,), float(value)))
        loss.backward()
        assert (weight.grad == torch.arange(16)).all()
        del loss
        until(lambda: reader.stats()["held"] == 0)


@pytest.mark.parametrize("name", ["u8", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64"])
def test_dtypes(name):
    publisher, reader = pair(sluice.tensor(name, (3,)))
    with publisher, reader:
        data = torch.tensor([1, 2, 3]).to(publisher.loan(1).as_torch().dtype)
        publisher.send(data)
        with reader.receive(1) as frame:
            assert (frame.as_torch() == data).all() and frame.as_torch().dtype == data.dtype


def test_several_tensors_by_name_and_like():
    form = sluice.tensors(ids=sluice.tensor("i64", (2, 9), variable=True), mask=sluice.tensor("u8", (4,)))
    publisher, reader = pair(form)
    with publisher, reader:
        publisher.send({"ids": torch.ones(1, 5, dtype=torch.int64), "mask": torch.zeros(4, dtype=torch.uint8)})
        with reader.receive(1) as frame:
            assert frame["ids"].as_torch().shape == (1, 5) and frame.mask.as_torch().shape == (4,)
            with pytest.raises(TypeError):
                frame.as_torch()
    with sluice.open_publisher("like", like=torch.zeros(2, 3, dtype=torch.bfloat16)) as publisher:
        assert publisher.manifest.memory == "host" and "bf16" in publisher.format.describe()


def test_what_does_not_fit_is_refused():
    publisher, reader = pair(sluice.tensor("f32", (4,)))
    with publisher, reader:
        with pytest.raises(TypeError, match="f32"):
            publisher.send(torch.zeros(4, dtype=torch.float64))
        with pytest.raises(ValueError, match="shape"):
            publisher.send(torch.zeros(5))
        publisher.send(torch.zeros(4))
        with reader.receive(1) as frame:
            for attempt in (frame.as_cupy, lambda: frame.record_stream(0)):
                with pytest.raises(TypeError):
                    attempt()
            assert not hasattr(frame["data"], "__cuda_array_interface__")


def test_a_store_is_found_when_the_frame_is_given_back():
    publisher, reader = pair(sluice.tensor("f32", (4,)), delivery="every")
    with publisher, reader:
        publisher.send(torch.zeros(4))
        frame = reader.receive(1)
        tensor = frame.as_torch()
        # A store that touches no byte: a real one into received host memory ends the process.
        tensor[:0].add_(1)
        with pytest.raises(sluice.ReadOnlyError, match="frame 1 of a/b was written.*clone"):
            frame.release()
        del tensor
        publisher.send(torch.zeros(4))
        frame = reader.receive(1)
        with torch.inference_mode():
            tensor = frame.as_torch() + 1
        frame.release()


PROGRAM = """
import sluice, torch
with sluice.open_publisher("a/b", sluice.tensor("f32", (4,))) as publisher:
    with sluice.open_subscriber("a/b", delivery="every") as reader:
        publisher.send(torch.zeros(4))
        try:
            for frame in reader:
                x = frame.as_torch()
                x.add_(1)
                del x
                publisher.send(torch.zeros(4))
        except sluice.ReadOnlyError as error:
            print(error.line)
"""


def test_debugging_names_the_line(tmp_path, directory):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "SLUICE_DEBUG": "views", "PYTHONPATH": str(ROOT), "SLUICE_DIR": directory}
    run = subprocess.run([sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == f"{program}:8", run.stderr
