"""Frames on a GPU as tensors of PyTorch: on a GPU alone, PyTorch knows no simulated one."""

import json
import threading

import pytest

import sluice
from kernels import IS_SIMULATED, STAMPED, WORDS, Gpu, put
from peers import Program, needs_node, until

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    IS_SIMULATED or not torch.cuda.is_available(), reason="needs an NVIDIA GPU that PyTorch can use"
)
NEVER_MS = 20_000
ROUNDS = 300


def stamped(value, device):
    """What a frame of ``value`` has in it, on a GPU."""
    index = torch.arange(WORDS, device=device, dtype=torch.int64)
    return ((index + value * 2654435761) & 0xFFFFFFFF).to(torch.int64)


def wrong(tensor, value):
    return (tensor.view(torch.int32).to(torch.int64) & 0xFFFFFFFF != stamped(value, tensor.device)).sum()


def away(directory, **options):
    program = Program.node(
        "../gpu/frame-program", role="publisher", channel="frames", directory=directory, options=options
    )
    assert program.line() == "open"
    return program


@needs_node
def test_ten_lines_on_a_frame_of_node(directory):
    publisher = away(directory)
    with sluice.open_subscriber("frames", STAMPED, delivery="every", timeout_s=20) as frames:
        publisher.ask("publish 2 5")
        for frame in frames:
            tensor = frame.as_torch()
            assert tensor.is_cuda and tensor.data_ptr() == frame.pointer
            assert wrong(tensor, frame.pts_ns).item() == 0
            if frame.sequence == 2:
                break
        assert frames.stats()["bytes_copied"] == 0
    assert publisher.ask("close") == "closed"


def test_both_sides_see_the_same_memory():
    with sluice.open_publisher("a/b", sluice.tensor("f32", (1024,)), memory="cuda") as publisher:
        with sluice.open_subscriber("a/b", timeout_s=20) as reader:
            with publisher.loan(20) as loan:
                written = torch.add(torch.ones(1024, device="cuda"), 1, out=loan.as_torch())
                loan.publish()
            with reader.receive(20) as frame:
                seen = frame.as_torch()
                assert seen.data_ptr() != written.data_ptr() and (seen == 2).all()
                # Not what one should do: it shows that both are the same memory.
                written += 1
                assert (seen == 3).all()


def test_a_gradient_step_on_frames_in_place():
    form = sluice.tensors(x=sluice.tensor("f32", (64, 32)), y=sluice.tensor("f32", (64, 1)))
    truth = torch.randn(32, 1, device="cuda")
    with sluice.open_publisher("train/batches", form, memory="cuda") as publisher:
        with sluice.open_subscriber("train/batches", delivery="every", timeout_s=20) as batches:
            model = torch.nn.Linear(32, 1, bias=False).cuda()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            losses = []
            for _ in range(100):
                x = torch.randn(64, 32, device="cuda")
                publisher.send({"x": x, "y": x @ truth})
                with batches.receive(20) as batch:
                    loss = torch.nn.functional.mse_loss(model(batch.x.as_torch()), batch.y.as_torch())
                # Autograd holds the batch: the slot is not given back before the backward pass.
                assert batches.stats()["held"] == 1
                optimizer.zero_grad()
                loss.backward()
                losses.append(loss.detach())
                del loss
                optimizer.step()
            until(lambda: batches.stats()["held"] == 0)
            assert losses[-1].item() < losses[0].item() / 100
            assert publisher.stats()["dropped"] == 0 and batches.stats()["bytes_copied"] == 0


@needs_node
def test_fences_hold_on_every_stream(directory):
    """No torn word, whichever stream reads and however late the data comes."""
    publisher = away(directory, slots=16)
    with sluice.open_subscriber("frames", STAMPED, max_held=4, timeout_s=20) as frames:
        assert publisher.ask("forever 2") == "going"
        streams = [torch.cuda.current_stream(), *(torch.cuda.Stream() for _ in range(3))]
        total = torch.zeros((), dtype=torch.int64, device="cuda")
        pending = 0
        for number, frame in zip(range(ROUNDS), frames):
            first, second = streams[number % 4], streams[(number + 1) % 4]
            with torch.cuda.stream(first):
                tensor = frame.as_torch()
                pending += frame.state == "pending"
                bad = wrong(tensor, frame.pts_ns)
            # A second stream reads it as well: released behind both.
            frame.record_stream(second)
            with torch.cuda.stream(second):
                bad_too = wrong(tensor, frame.pts_ns)
            torch.cuda.current_stream().wait_stream(first)
            torch.cuda.current_stream().wait_stream(second)
            total += bad + bad_too
            del tensor, bad, bad_too
        assert total.item() == 0 and pending > 0


def test_release_is_in_stream_order():
    gpu = Gpu()
    with sluice.open_publisher("frames", STAMPED, memory="cuda", slots=3) as publisher:
        with sluice.open_subscriber("frames", max_held=1, timeout_s=20) as frames:
            put(publisher, gpu, 1)
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                frame = frames.receive(20)
                tensor = frame.as_torch()
                torch.cuda._sleep(400_000_000)
                bad = wrong(tensor, 1)
                frame.release()
                del tensor
            # Its lease is held by the stream: of 3 slots one is the newest and one is free.
            assert publisher.stats()["slots_held"] == 1
            for value in range(2, 8):
                put(publisher, gpu, value)
            assert bad.item() == 0
            until(lambda: publisher.stats()["slots_held"] == 0)


def test_copies():
    with sluice.open_publisher("a/b", sluice.video(640, 480, "nv12"), memory="cuda") as publisher:
        with sluice.open_subscriber("a/b", timeout_s=20) as frames:
            picture = (torch.rand(720, 640, device="cuda") * 255).to(torch.uint8)
            publisher.send(picture)
            with frames.receive(20) as frame:
                assert frame.as_torch().shape == (720, 640) and frame.uv.as_torch().shape == (240, 320, 2)
                copy, on_host = frame.to_torch(), frame.to_torch("cpu")
                assert frame.to_bgr().shape == (480, 640, 3)
                assert (torch.from_dlpack(frame) == picture).all()
                assert (torch.as_tensor(frame, device="cuda") == picture).all()
                assert (torch.from_numpy(frame.to_numpy()).cuda() == picture).all()
            copy += 1
            assert (on_host.cuda() == picture).all() and copy.is_contiguous()
            publisher.send(picture.cpu())
            with frames.receive(20) as frame:
                assert (frame.as_torch() == picture).all()
    with sluice.open_publisher("like", like=picture.to(torch.bfloat16)) as publisher:
        assert publisher.manifest.memory == "cuda:0"
    with sluice.open_publisher("host", sluice.tensor("f32", (4,))) as publisher:
        with sluice.open_subscriber("host", timeout_s=20) as frames:
            publisher.send(torch.ones(4, device="cuda"))
            with frames.receive(20) as frame:
                assert frame.to_torch("cuda").sum().item() == 4


@needs_node
def test_calls_that_wait_for_the_gpu_return_when_the_publisher_dies(directory):
    """cudaFree waits for every stream, also for one that waits for a dead publisher: the guard frees it."""
    publisher = away(directory)
    with sluice.open_subscriber("frames", STAMPED, delivery="every", max_held=2, timeout_s=20) as frames:
        publisher.ask(f"publish 1 {NEVER_MS}")
        frame = frames.receive(20)
        result = frame.as_torch().view(torch.int32).sum()
        ballast = torch.empty(2**28, device="cuda")
        del ballast
        killer = threading.Timer(0.3, publisher.kill)
        killer.start()
        torch.cuda.empty_cache()
        torch.cuda.synchronize()
        killer.join()
        until(lambda: frame.state == "lost")
        with pytest.raises(sluice.FrameLostError):
            frame.ready()
        frame.release()
        del result


def test_a_store_in_place_is_found(directory):
    with sluice.open_publisher("frames", sluice.tensor("f32", (4,)), memory="cuda") as publisher:
        with sluice.open_subscriber("frames", timeout_s=20) as frames:
            publisher.send(torch.zeros(4, device="cuda"))
            frame = frames.receive(20)
            tensor = frame.as_torch()
            tensor[:0].add_(1)
            with pytest.raises(sluice.ReadOnlyError, match="frame 1 of frames was written"):
                frame.release()
            del tensor
    program = Program.python("gpu/torch_breaker", directory=directory)
    found = json.loads(program.line(60))
    assert found["written"].startswith("frame 1 of broken was written")
    assert found["code"] == "CUDA_ERROR" and "frame 1 of broken at 0x" in found["message"]


def test_two_gpus(directory):
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two GPUs, here is one: {torch.cuda.get_device_name()}")
    with sluice.open_publisher("frames", STAMPED, memory="cuda:0") as publisher:
        gpu = Gpu()
        with sluice.open_subscriber("frames", device="cuda:1", delivery="every", timeout_s=20) as frames:
            for value in range(1, 50):
                put(publisher, gpu, value)
                with frames.receive(20) as frame, torch.cuda.device(1):
                    tensor = frame.as_torch()
                    assert tensor.device.index == 1
                    assert wrong(tensor, value).item() == 0
                    assert wrong(tensor.to("cuda:0"), value).item() == 0
                    assert (frame.to_torch("cuda:1") == tensor).all()
