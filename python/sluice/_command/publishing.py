"""``pub <channel>``: publishes standard input: lines as messages, or raw pictures as frames."""

from __future__ import annotations

import argparse
import os
import re
import select
import stat
import sys
import time
from typing import Any, Iterator, Optional

from .._layout import PIXELS, planes_of
from ..formats import Format, data, text, video
from ..formats import json as json_format
from ..message_publisher import MessagePublisher
from ..opening import open_publisher
from ..publisher import FramePublisher
from .run import DONE, Run, UsageError, as_usage, format_bytes, plural

EXAMPLES = (
    "echo hello | python -m sluice pub chat --subscribers 1",
    "python -m sluice pub logo --bytes logo.png --subscribers 1",
    "ffmpeg -v error -i clip.mp4 -f rawvideo -pix_fmt nv12 -s 640x480 - | "
    "python -m sluice pub clip --video nv12:640x480 --fps 25",
)


def _video(given: str) -> Format:
    found = re.fullmatch(r"([a-z0-9]+):([0-9]{1,5})x([0-9]{1,5})", given)
    if found is None or found[1] not in PIXELS:
        raise argparse.ArgumentTypeError(f"must be as nv12:640x480, with one of {', '.join(PIXELS)}")
    try:
        return video(int(found[2]), int(found[3]), found[1])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("channel", help="its name")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--format", choices=("text", "json", "bytes"), help="what a line is (default text)")
    what.add_argument("--json-lines", dest="format", action="store_const", const="json", help="as --format json")
    what.add_argument("--bytes", metavar="FILE", help="one message: the whole file, - for standard input")
    what.add_argument("--video", type=_video, metavar="FORMAT", help="raw pictures, for example nv12:640x480")
    parser.add_argument("--fps", type=float, help="pictures a second at most")
    parser.add_argument("--memory", help="where pictures live: host (default), cuda or cuda:N")
    parser.add_argument("--slots", type=int, help="of the pool, or of the ring with --layout slots")
    parser.add_argument("--ring", type=int, metavar="BYTES", help="size of the ring of messages (default 1 MiB)")
    parser.add_argument("--layout", choices=("bytes", "slots"), help="of the ring")
    parser.add_argument("--when-full", choices=("drop", "wait", "overwrite"), help="when readers hold everything up")
    parser.add_argument("--label", default="sluice pub", help="how lists call this publisher")
    parser.add_argument("--allow-uid", type=int, action="append", default=[], help="another user who may subscribe")
    parser.add_argument("--allow-gid", type=int, action="append", default=[], help="a group that may subscribe")
    parser.add_argument("--wait", action="store_true", help="stand by while another publisher has the channel")
    parser.add_argument("--subscribers", type=int, metavar="N", help="start when there are so many")


def run(command: Run, options: argparse.Namespace) -> int:
    if options.video is None and options.fps is not None:
        raise UsageError("--fps is an option of --video")
    if options.fps is not None and not options.fps > 0:
        raise UsageError("--fps must be more than 0")
    publisher = as_usage(lambda: _open(command, options))
    with publisher:
        if command.json:
            opened = {"event": "open", "channel": options.channel, "instance": publisher.instance}
            command.print_json(opened)
        if options.subscribers is not None:
            for demand in publisher.watch_demand(command.left()):
                if demand.subscribers >= options.subscribers:
                    break
        sent = _send(command, options, publisher)
        numbers = publisher.stats()
        if command.json:
            ended = {"event": "end", "channel": options.channel, "sent": sent, "bytes": numbers["bytes"]}
            command.print_json({**ended, "dropped": numbers["dropped"]})
        what = plural(sent, "message" if options.video is None else "picture")
        lost = f", {numbers['dropped']} dropped" if numbers["dropped"] else ""
        size = f", {format_bytes(numbers['bytes'])}" if numbers["bytes"] else ""
        command.note(f"sent {what}{size}{lost}, to {plural(publisher.demand.subscribers, 'subscriber')}")
    return DONE


def _open(command: Run, options: argparse.Namespace) -> Any:
    form = options.video
    if form is None:
        kind = "bytes" if options.bytes is not None else options.format or "text"
        form = text() if kind == "text" else json_format() if kind == "json" else data()
    given = {"slots": options.slots, "ring_bytes": options.ring, "when_full": options.when_full}
    if options.memory is not None:
        given["memory"] = options.memory
    if options.layout is not None:
        given["layout"] = options.layout
    return open_publisher(
        options.channel,
        form,
        label=options.label,
        when_taken="wait" if options.wait else "fail",
        allow_uids=options.allow_uid,
        allow_gids=options.allow_gid,
        directory=command.directory,
        **given,
    )


def _send(command: Run, options: argparse.Namespace, publisher: Any) -> int:
    if options.video is not None:
        return _send_pictures(command, options, publisher)
    if options.bytes is not None:
        return _send_file(options.bytes, publisher)
    count = 0
    for line in _lines(command, publisher.max_message_bytes):
        count += 1 if _send_line(publisher, line, command.left()) else 0
        if options.frames is not None and count >= options.frames:
            break
    return count


def _send_line(publisher: MessagePublisher, line: bytes, timeout_s: Optional[float]) -> bool:
    try:
        return publisher.send(line, timeout_s=timeout_s) is not None
    except TimeoutError:
        return False


def _send_file(path: str, publisher: MessagePublisher) -> int:
    try:
        with sys.stdin.buffer if path == "-" else open(path, "rb") as file:
            whole = file.read(publisher.max_message_bytes + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    return 0 if publisher.send(whole) is None else 1


def _pieces(command: Run) -> Iterator[bytes]:
    """Standard input as it comes, until its end or the end of the run. Only a file is not waited for."""
    descriptor = sys.stdin.fileno()
    waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    while command.left() != 0:
        if waits and not select.select([descriptor], [], [], command.left())[0]:
            return
        piece = os.read(descriptor, 65536)
        if not piece:
            return
        yield piece


def _lines(command: Run, most: int) -> Iterator[bytes]:
    rest = b""
    for piece in _pieces(command):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line[:-1] if line.endswith(b"\r") else line
        if len(rest) > most:
            raise UsageError(f"a line has more than {most} bytes, the most of a message here; see --ring")
    if rest:
        yield rest


def _send_pictures(command: Run, options: argparse.Namespace, publisher: FramePublisher) -> int:
    fields = options.video.fields
    planes = planes_of(fields["pixelFormat"], fields["width"], fields["height"])
    size = sum(plane.row_bytes * plane.height for plane in planes)
    count, rest, due = 0, bytearray(), time.monotonic()
    for piece in _pieces(command):
        rest += piece
        while len(rest) >= size and (options.frames is None or count < options.frames):
            if options.fps is not None:
                time.sleep(max(0.0, due - time.monotonic()))
                due = max(due + 1 / options.fps, time.monotonic())
            loan = publisher.loan(command.left()) if options.when_full == "wait" else publisher.try_loan()
            if loan is not None:
                slot = loan.slot
                on_host = isinstance(slot, memoryview)
                target = slot if on_host else memoryview(bytearray(publisher.format.frame_bytes))
                at = 0
                for plane in planes:
                    for row in range(plane.height):
                        start = plane.offset + row * plane.pitch
                        target[start : start + plane.row_bytes] = rest[at : at + plane.row_bytes]
                        at += plane.row_bytes
                if not on_host:
                    slot.write(0, target)
                loan.publish()
                count += 1
            del rest[:size]
        if options.frames is not None and count >= options.frames:
            return count
    if rest and command.left() != 0:
        command.note(f"the input ended within a picture: {len(rest)} of {size} bytes were left out")
    return count
