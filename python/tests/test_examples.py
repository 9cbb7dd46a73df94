"""The programs of python/examples, as their first lines say, on pictures that `sluice pub` publishes; recipes of docs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sluice
from peers import ROOT, until

torch = pytest.importorskip("torch")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
COMMAND = ROOT / "dist/src/cli/main.js"
WIDTH, HEIGHT, FRAMES = 64, 48, 8

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not COMMAND.exists(), reason="needs node and the built package"
)
PLACES = ["host"] + (["cuda:0"] if torch.cuda.is_available() else [])


@pytest.fixture
def start(directory):
    running = []
    environment = {**os.environ, "SLUICE_DIR": directory, "PYTHONPATH": str(EXAMPLES.parent)}

    def run(*words, **options):
        running.append(subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, **options))
        return running[-1]

    yield run
    for program in running:
        program.kill()
        program.communicate()


def pictures(start, readers, memory):
    """`sluice pub` with as many pictures, each of one shade, once there are ``readers``."""
    source = start(
        *("node", str(COMMAND), "pub", "clip", "--video", f"gray8:{WIDTH}x{HEIGHT}", "--memory", memory, "-q"),
        *("--subscribers", str(readers), "--when-full", "wait"),
        stdin=subprocess.PIPE,
    )
    data = "".join(chr(10 * shade) * (WIDTH * HEIGHT) for shade in range(1, FRAMES + 1))
    source.stdin.write(data)
    source.stdin.close()
    source.stdin = None
    return source


@pytest.mark.parametrize("memory", PLACES)
def test_torch_frames(start, memory):
    reader = start(sys.executable, str(EXAMPLES / "torch_frames.py"), "clip")
    pictures(start, 1, memory)
    lines = reader.communicate(timeout=60)[0].splitlines()
    assert lines, "it saw no frame"
    for line in lines:
        sequence, place, *how, shade = line.split()
        assert place == memory and how == ["in", "place"] and float(shade) == 10.0 * int(sequence)


@pytest.mark.parametrize("memory", PLACES)
def test_torch_stage(start, memory):
    stage = start(sys.executable, str(EXAMPLES / "torch_stage.py"), "clip", "clip/edges")
    source = pictures(start, 2, memory)
    sink = sluice.open_subscriber("clip/edges", when_lost="end", timeout_s=60)
    # The second of the two, so that the stage is there before the first picture is.
    other = sluice.open_subscriber("clip", copy_to=None if memory == "host" else "host", timeout_s=60)
    for edges in sink:
        assert edges.memory == memory and edges.as_torch().shape == (HEIGHT - 1, WIDTH - 1)
        assert (edges.to_torch("cpu") == 0).all() and edges.id != 0
        break
    sink.close()
    other.close()
    assert source.wait(60) == 0
    until(lambda: stage.poll() == 0, 60, "the end of the stage")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_the_recipe_of_docs_video(start):
    page = (ROOT / "docs/video.md").read_text()
    recipe = page.split("### PyTorch\n")[1].split("\n## ")[0]
    command = re.search(r"^ {4}sluice (.+)$", recipe, re.M).group(1)
    program = re.search(r"```python\n(.+?)```", recipe, re.S).group(1)
    start("node", str(COMMAND), "camera", "camera/door", "lavfi:color=red:size=64x64:rate=25", "-q")
    start("node", str(COMMAND), *shlex.split(command), "-q")
    reader = start(sys.executable, "-u", "-c", program)
    for _ in range(5):
        identity, colour = reader.stdout.readline().split(" ", 1)
        red, green, blue = json.loads(colour)[0]
        assert int(identity) > 0 and red > 0.95 and green < 0.05 and blue < 0.05
