"""Detections: the cases that every client must take or refuse, and both clients together."""

import json
import threading
from pathlib import Path

import pytest

import sluice
from peers import until
from sluice.detections import (
    Box,
    Detection,
    Detections,
    encode,
    identity_of,
    open_detection_publisher,
    parse,
    read_detections,
    to_source_box,
)

CASES = json.loads((Path(__file__).resolve().parents[2] / "spec/detections.json").read_text("utf-8"))["cases"]
GOOD = parse(json.dumps(CASES[0]["message"]).encode())
PICTURE = sluice.video(width=16, height=8, pixel_format="gray8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case):
    data = json.dumps(case["message"]).encode()
    if case["accepted"]:
        found = parse(data)
        assert parse(encode(found)) == found
    else:
        with pytest.raises(sluice.InvalidMessageError):
            parse(data)


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000, b'{"version": NaN}'])
def test_no_detections_at_all(data):
    with pytest.raises(sluice.InvalidMessageError):
        parse(data)


def test_what_cannot_be_said():
    many = [Detection((0, 0, 1, 1), "a")] * 1024
    assert len(parse(encode(GOOD._replace(detections=many))).detections) == 1024
    for wrong in (
        GOOD._replace(detections=[*many, many[0]]),
        GOOD._replace(model=""),
        GOOD._replace(detections=[Detection((0, 0, -1, 1), "a")]),
        GOOD._replace(detections=[Detection((float("nan"), 0, 1, 1), "a")]),
        GOOD._replace(detections=[Detection((0, 0, 1, 1), "a", 1.5)]),
        GOOD._replace(frame=GOOD.frame._replace(id=2**64)),
    ):
        with pytest.raises(sluice.InvalidMessageError):
            encode(wrong)


def test_of_a_frame_and_of_an_input():
    found = [Detection(Box(1.0, 2.0, 3.0, 4.0), "person", 0.5, 7)]
    with sluice.open_publisher("camera", PICTURE) as camera, sluice.open_subscriber("camera", timeout_s=5) as view:
        camera.send(bytes(128), pts_ns=9)
        with open_detection_publisher("detect/camera", model="test") as detector:
            messages = read_detections("detect/camera", timeout_s=5)
            with view.receive(5) as frame:
                who = identity_of(frame)
                source = {
                    **{"channel": "camera", "instance": who.instance, "epoch": 1, "sequence": 1, "id": str(who.id)},
                    **{"ptsNs": 9, "width": 16, "height": 8, "captureTimeNs": frame.capture_time_ns},
                }
                def say():
                    until(lambda: detector.stats()["subscribers"] == 1)
                    detector.send(frame, found)
                    detector.send(source, [])

                thread = threading.Thread(target=say)
                thread.start()
                (first, message), (second, again) = next(messages), next(messages)
                thread.join()
                assert first == Detections("test", who, found)
                assert second == Detections("test", who, [])
                assert who == ("camera", camera.instance, 1, 1, frame.id, 9, 16, 8)
                for one in (message, again):
                    assert (one.id, one.pts_ns, one.capture_time_ns) == (frame.id, 9, frame.capture_time_ns)
            messages.close()


def test_boxes_of_a_tensor():
    placement = {"x": 0, "y": 2, "width": 8, "height": 4, "scaleX": 0.5, "scaleY": 0.5}
    assert to_source_box((2, 3, 4, 2), placement) == (4, 2, 8, 4)
    assert to_source_box((-5, 0, 99, 99), placement) == (0, 0, 16, 8)
