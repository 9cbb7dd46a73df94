"""spec/vectors through the package's own code."""

import json
import os
from pathlib import Path

import pytest

from sluice._dtypes import ELEMENT_BYTES
from sluice._handshake import decode_frame
from sluice._json import Refused
from sluice._layout import (
    KIND_BYTES,
    align,
    parse_identity,
    planes_of,
    pool_geometry,
    ring_geometry,
)
from sluice._manifest import decode_manifest
from sluice._memory import Mapping, create_memory
from sluice._pool_reader import HostSlots, PoolReader
from sluice._pool_writer import Page
from sluice._ring_reader import RingReader
from sluice.formats import Format

VECTORS = Path(__file__).resolve().parents[2] / "spec/vectors"
INDEX = json.loads((VECTORS / "index.json").read_text("utf-8"))
DATA = {path.name: path.read_bytes() for path in VECTORS.glob("*.bin")}


def pieces(group):
    data = DATA[group["file"]]
    return [(case, data[case["offset"] : case["offset"] + case["byteLength"]]) for case in group["cases"]]


@pytest.mark.parametrize(
    "case,data", pieces(INDEX["handshake"]), ids=lambda value: value["name"] if isinstance(value, dict) else ""
)
def test_handshake(case, data):
    try:
        found = decode_frame(data, case["receiver"])
    except Refused as refused:
        assert ("refused", refused.problem, refused.field) == (case["outcome"], case["problem"], case["field"])
        return
    if found is None:
        assert case["outcome"] == "incomplete"
        return
    kind, body, taken = found
    assert (case["outcome"], kind, taken) == ("accepted", case["type"], len(data))
    if isinstance(body, dict) and body.get("role") == "observer":
        assert body == {key: case["body"][key] for key in body}
    else:
        assert body == case["body"]


@pytest.mark.parametrize(
    "case,data", pieces(INDEX["manifests"]), ids=lambda value: value["name"] if isinstance(value, dict) else ""
)
def test_manifest(case, data):
    try:
        found = decode_manifest(data, case["channel"])
    except Refused as refused:
        assert ("refused", refused.problem, refused.field) == (case["outcome"], case["problem"], case["field"])
        return
    assert case["outcome"] == "accepted"
    document = found.to_json()
    for key in ("channel", "kind", "epoch", "memory", "layout", "slots", "slotBytes", "format"):
        assert document[key] == case[key], key
    assert document["createdNs"] == float(case["createdNs"])
    assert document.get("device") == case.get("device")
    if found.kind == "frame":
        assert found.format.frame_bytes == case["frameBytes"]
        assert list(document["format"].get("tensors", {})) == list(case["format"].get("tensors", {}))


def test_geometry():
    for case in INDEX["geometry"]["video"]:
        planes = planes_of(case["pixelFormat"], case["width"], case["height"])
        assert [list(plane) for plane in planes] == case["planes"]
        assert planes[-1].offset + planes[-1].byte_length == case["frameBytes"]
    for case in INDEX["geometry"]["tensor"]:
        form = Format(case["format"])
        assert form.frame_bytes == case["frameBytes"] and form.variable_dims == case.get("dims", 0)
        if form.kind == "tensor":
            assert [[name, *place] for name, place in form.places().items()] == case["places"]


def test_arithmetic():
    for slots, index_size, records_offset, control_bytes in INDEX["arithmetic"]["pool"]:
        geometry = pool_geometry(slots, 4096)
        assert (geometry.index_size, geometry.records_offset, geometry.control_bytes) == (
            index_size,
            records_offset,
            control_bytes,
        )
    for slots, write_ahead, control_bytes in INDEX["arithmetic"]["bytesRing"]:
        geometry = ring_geometry(KIND_BYTES, slots)
        assert (geometry.write_ahead, geometry.control_bytes) == (write_ahead, control_bytes)
    for frame_bytes, slot_bytes in INDEX["arithmetic"]["slotBytes"]:
        assert align(frame_bytes, 4096) == slot_bytes
    assert set(ELEMENT_BYTES.values()) == {1, 2, 4, 8}


def mapped(data):
    fd = create_memory("vector", len(data))
    os.pwrite(fd, data, 0)
    mapping = Mapping(fd, len(data), True)
    os.close(fd)
    return mapping


@pytest.mark.parametrize("case", INDEX["pools"], ids=lambda case: case["file"])
def test_pool(case):
    data = DATA[case["file"]]
    control = mapped(data)
    geometry, epoch, _ = parse_identity(data)
    assert (geometry.slots, geometry.slot_bytes, epoch) == (case["slots"], case["slotBytes"], case["epoch"])
    assert geometry.control_bytes == len(data)
    held = [record for record in case["records"] if record["state"] == 1]
    oldest = min(record["sequence"] for record in held)
    page = Page(16, len(held), True, oldest - 1, oldest - 1)
    slots = HostSlots(mapped(bytes(geometry.slots * geometry.slot_bytes)), geometry.slot_bytes)
    reader = PoolReader(
        control, slots, page.mapping, geometry, oldest, (16, case["published"]), True, None, lambda: None
    )
    seen = {}
    for lease in iter(reader.claim, None):
        fields = reader.record(lease)
        seen[lease.sequence] = fields
        assert reader.complete(lease) == (lease.slot not in case["pending"])
        stated = case["records"][lease.slot]
        assert fields[5:8] == (stated["ptsNs"], stated["captureTimeNs"], stated["publishTimeNs"])
        assert f"{fields[8]:016x}" == stated["id"] and fields[4] == stated["byteLength"]
        assert reader.record_bytes(lease, 160, fields[9]).hex() == stated["userData"]
    assert max(seen) == case["published"] == reader.newest_64
    assert set(seen) == {record["sequence"] for record in held}


@pytest.mark.parametrize("case", INDEX["rings"], ids=lambda case: case["file"])
def test_ring(case):
    data = DATA[case["file"]]
    geometry, _, _ = parse_identity(data)
    assert geometry.write_ahead == case["writeAhead"]
    oldest = case["oldest"]
    page = Page(0, 2**30, True, oldest["position"], oldest["position"])
    reader = RingReader(mapped(data), page.mapping, geometry, oldest["sequence"], 2**30, True, None, lambda: None)
    found = reader.fetch()
    assert [(raw.sequence, raw.kind & 0xFF, raw.payload.hex()) for raw in found] == [
        (message["sequence"], message["type"], message["payload"]) for message in case["messages"]
    ]
    for raw, message in zip(found, case["messages"]):
        if "key" in message:
            assert (raw.key_frame, raw.publish_ns, raw.pts_ns) == (
                message["key"],
                message["publishTimeNs"],
                message["ptsNs"],
            )
            if message["extended"]:
                assert raw.extension is not None
                assert (f"{raw.extension[0]:016x}", *raw.extension[1:3]) == (
                    message["id"],
                    message["dtsNs"],
                    message["captureTimeNs"],
                )
    assert reader.position == case["high"] << 32 | case["head"] and reader.lost == 0
