"""``sub <channel | pattern>``: prints what comes, or stores its bytes."""

from __future__ import annotations

import argparse
import base64
import sys
import threading
import time
from typing import Any, BinaryIO, Dict, Optional

from .._errors import SluiceError
from .._frame import Frame
from .._layout import planes_of
from .._message import Message
from .._names import is_pattern
from .._text import escape_json, printable
from ..discovery import list_channels
from ..opening import open_subscriber
from .run import DONE, Run, UsageError, as_usage, format_bytes

EXAMPLES = (
    "python -m sluice sub chat",
    "python -m sluice sub chat --from oldest --no-wait",
    "python -m sluice sub 'agent/*' --json",
    "python -m sluice sub clip --frames 1 --out picture.nv12",
)
_WHOLE = 2**31
_FLAGS = (("keyFrame", "key_frame"), ("discontinuity", "discontinuity"), ("corrupt", "corrupt"))
_TELL_S = 0.3


def _position(text: str) -> Any:
    if text in ("newest", "oldest"):
        return text
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError("must be newest, oldest or a sequence")
    return int(text)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("channel", help="a channel, or a pattern as camera/* or camera/**")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--latest", dest="delivery", action="store_const", const="latest", help="the newest only")
    which.add_argument("--every", dest="delivery", action="store_const", const="every", help="all, in order")
    parser.add_argument(
        "--from", dest="start", type=_position, metavar="WHERE", help="messages: newest, oldest, a sequence"
    )
    parser.add_argument(
        "--wait", action="store_true", default=True, help="wait for a publisher, and for the next one (default)"
    )
    parser.add_argument(
        "--no-wait", dest="wait", action="store_false", help="fail when nobody publishes, end with the publisher"
    )
    parser.add_argument("--out", metavar="FILE", help="store the bytes instead of printing; - for standard output")
    parser.add_argument("--label", default="sluice sub", help="how the publisher sees this subscriber")
    parser.add_argument("--allow-uid", type=int, action="append", default=[], help="another user who is trusted")


def run(command: Run, options: argparse.Namespace) -> int:
    if command.json and options.out is not None:
        raise UsageError("--json prints and --out stores: choose one")
    sink = None if options.out is None else _open_sink(options.out)
    count = 0
    try:
        with _subscribe(command, options) as subscriber:
            while options.frames is None or count < options.frames:
                try:
                    unit = subscriber.receive(command.left())
                except TimeoutError:
                    break
                except SluiceError as error:
                    # A loop ends with the channel; anything else is told.
                    if subscriber._ends_loops(error):
                        break
                    raise
                count += 1
                _show(command, unit, is_pattern(options.channel), sink)
    finally:
        if sink is not None and sink is not sys.stdout.buffer:
            sink.close()
        if count > 0:
            command.note(f"{count} received")
    return DONE


def _open_sink(path: str) -> BinaryIO:
    try:
        return sys.stdout.buffer if path == "-" else open(path, "wb")
    except OSError as error:
        raise UsageError(f"cannot write {printable(path)}: {error.strerror}") from None


def _subscribe(command: Run, options: argparse.Namespace) -> Any:
    given: Dict[str, Any] = {"start": options.start, "delivery": options.delivery, "label": options.label}
    given.update({"directory": command.directory, "allow_uids": options.allow_uid})
    pattern = is_pattern(options.channel)
    if not options.wait and pattern:
        if not as_usage(lambda: list_channels(options.channel, directory=command.directory)):
            raise SluiceError("CHANNEL_NOT_FOUND", f"nobody publishes {options.channel}")
    if not options.wait and not pattern:
        given.update({"when_missing": "fail", "when_lost": "end"})
    if options.wait and not pattern:
        # Opened once: a publisher may have counted on a reader that gives up and asks again.
        told = threading.Timer(_TELL_S, lambda: command.note(f"waiting for {options.channel}"))
        told.daemon = True
        told.start()
        try:
            return as_usage(lambda: _open(options, given, command.left()))
        except TimeoutError:
            return _Nothing()
        finally:
            told.cancel()
    return as_usage(lambda: _open(options, given, command.left()))


def _open(options: argparse.Namespace, given: Dict[str, Any], timeout_s: Optional[float]) -> Any:
    """Frames of a GPU are read as a copy in host memory where this process cannot use that GPU."""
    try:
        return open_subscriber(options.channel, timeout_s=timeout_s, **given)
    except SluiceError as error:
        if error.code not in ("CUDA_UNAVAILABLE", "WRONG_DEVICE"):
            raise
    return open_subscriber(options.channel, timeout_s=timeout_s, copy_to="host", **given)


class _Nothing:
    """What is read when the time was over before there was a publisher."""

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def receive(self, _timeout_s: Optional[float]) -> Any:
        raise TimeoutError


def _show(command: Run, unit: Any, many: bool, sink: Optional[BinaryIO]) -> None:
    try:
        if sink is not None:
            _store(unit, sink)
        elif command.json:
            command.print_json(_frame_json(unit) if isinstance(unit, Frame) else _message_json(unit))
        else:
            line = _frame_line(unit) if isinstance(unit, Frame) else _message_line(unit)
            command.print(f"{unit.channel}: {line}" if many else line)
    except SluiceError as error:
        if error.code != "INVALID_MESSAGE":
            raise
        command.note(f"sluice: {error}")
    finally:
        if isinstance(unit, Frame):
            unit.release()


def _store(unit: Any, sink: BinaryIO) -> None:
    """The bytes as their publisher meant them: pictures without the padding of their rows."""
    if not isinstance(unit, Frame):
        sink.write(unit.data)
        sink.flush()
        return
    content = unit.bytes if unit.memory == "host" else unit.to_host().bytes
    if unit.format.kind != "video":
        sink.write(content[: unit.byte_length])
    else:
        fields = unit.format.fields
        for plane in planes_of(fields["pixelFormat"], fields["width"], fields["height"]):
            for row in range(plane.height):
                at = plane.offset + row * plane.pitch
                sink.write(content[at : at + plane.row_bytes])
    sink.flush()


def _message_line(message: Message) -> str:
    value = message.value
    if isinstance(value, str) and message.kind == "text":
        return printable(value, _WHOLE)
    if message.kind == "json":
        return escape_json(message.text)
    return f"#{message.sequence} {format_bytes(len(message.data))}{' key' if message.key_frame else ''}"


def _message_json(message: Message) -> Dict[str, Any]:
    found: Dict[str, Any] = {
        "channel": message.channel,
        "sequence": message.sequence,
        "type": message.type,
        "timeNs": message.time_ns,
        "byteLength": len(message.data),
    }
    if message.kind in ("text", "json"):
        found["value"] = message.value
    elif message.time_ns is not None:
        found.update({"ptsNs": message.pts_ns, "dtsNs": message.dts_ns, "keyFrame": message.key_frame})
        found.update({"id": str(message.id), "captureTimeNs": message.capture_time_ns})
    return found


def _frame_line(frame: Frame) -> str:
    age_us = max(0.0, (time.monotonic_ns() - frame.publish_time_ns) / 1e3)
    notes = [f"{frame.skipped} skipped"] if frame.skipped > 0 else []
    notes += [shown for shown, name in (*_FLAGS, ("incomplete", "incomplete")) if getattr(frame, name)]
    size, pts = format_bytes(frame.byte_length), f"pts {frame.pts_ns / 1e9:.3f} s"
    return "  ".join([f"#{frame.sequence}", frame.format.describe(), size, pts, f"{age_us:.0f} us old", *notes])


def _frame_json(frame: Frame) -> Dict[str, Any]:
    found: Dict[str, Any] = {
        "channel": frame.channel,
        "epoch": frame.epoch,
        "sequence": frame.sequence,
        "skipped": frame.skipped,
        "flags": {shown: getattr(frame, name) for shown, name in (*_FLAGS, ("incomplete", "incomplete"))},
        "id": str(frame.id),
        "ptsNs": frame.pts_ns,
        "captureTimeNs": frame.capture_time_ns,
        "publishTimeNs": frame.publish_time_ns,
        "byteLength": frame.byte_length,
    }
    if frame.user_data:
        found["userData"] = base64.b64encode(frame.user_data).decode("ascii")
    return found
