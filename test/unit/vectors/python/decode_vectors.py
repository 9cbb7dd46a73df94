"""Decodes spec/vectors/ by spec/protocol.md alone: nothing is shared with the code that wrote them.

Standard library only. Prints how many cases it has looked at; ends with status 1 at the first that differs.
"""

import json
import sys
from pathlib import Path

from decode_formats import check_arithmetic, check_geometry, check_half_floats
from decode_handshake import decode_frame
from decode_manifests import decode_manifest
from decode_memory import check_page, check_pool, check_ring
from foreign_json import Refused, double, expect


def check_decoding(group, data, decode):
    for case in group["cases"]:
        piece = data[case["offset"] : case["offset"] + case["byteLength"]]
        try:
            found = decode(piece, case)
        except Refused as refusal:
            wanted = [case["outcome"], case.get("problem"), case.get("field")]
            expect(["refused", refusal.problem, refusal.field], wanted, case["name"])
            continue
        expect("incomplete" if found is None else "accepted", case["outcome"], case["name"])
    return len(group["cases"])


def frame_of(piece, case):
    frame = decode_frame(piece, case["receiver"])
    if frame is not None:
        kind, body = frame
        expect(kind, case["type"], case["name"])
        observer = isinstance(body, dict) and body.get("role") == "observer"
        # What an observer leaves out has no meaning.
        wanted = {key: case["body"][key] for key in body} if observer else case["body"]
        expect(body, wanted, case["name"])
    return frame


def manifest_of(piece, case):
    found = decode_manifest(piece, case["channel"])
    for key, value in found.items():
        wanted = double(case[key]) if key == "createdNs" else case[key]
        expect(value, wanted, f"{case['name']}: {key}")
    return found


def main(folder):
    index = json.loads((folder / "index.json").read_text("utf-8"))

    def read(name):
        return (folder / name).read_bytes()

    counts = {
        "handshake": check_decoding(index["handshake"], read("handshake.bin"), frame_of),
        "manifests": check_decoding(index["manifests"], read("manifests.bin"), manifest_of),
        "geometry": check_geometry(index["geometry"]),
        "arithmetic": check_arithmetic(index["arithmetic"]),
        "halfFloats": check_half_floats(index["halfFloats"], read("half-floats.bin")),
        "pools": sum(check_pool(case, read(case["file"])) for case in index["pools"]),
        "pages": sum(check_page(case, read(case["file"])) for case in index["pages"]),
        "rings": sum(check_ring(case, read(case["file"])) for case in index["rings"]),
    }
    print(json.dumps(counts))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except AssertionError as difference:
        print(difference, file=sys.stderr)
        sys.exit(1)
