"""Opening channels: arguments checked, the right class chosen."""

from __future__ import annotations

import time
from typing import Any, Iterable, Mapping, Optional, Tuple, Union

from ._directory import Directory, Trust, open_directory, probe, read_manifest, trust_of
from ._errors import SluiceError
from ._events import EventSet
from ._hardening import set_not_dumpable
from ._json import Refused
from ._manifest import check_user_data
from ._names import check_name, is_pattern, matcher
from ._stream import program_label
from ._text import printable
from ._wishes import Wishes
from .formats import Format, tensor
from .group import GroupSubscriber
from .message_publisher import MessagePublisher, ring_of
from .message_subscriber import MessageSubscriber
from .publisher import FramePublisher
from .subscriber import FrameSubscriber

_LOOK_S = 1.0
#: How long opening a group waits for the channels that are there already.
_SETTLE_S = 1.0


def _one_of(name: str, value: object, choices: Tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def _bounded(name: str, value: Optional[int], least: int, most: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
        raise ValueError(f"{name} must be an integer from {least} to {most}, got {value!r}")


def _kind_on_the_bus(
    directory: Directory, channel: str, trust: Trust, fails_when_missing: bool, deadline: Optional[float]
) -> str:
    """``'frame'`` or ``'message'``, by the manifest; waits for it."""
    events = EventSet()
    events.watch_directory(directory.path)
    try:
        while True:
            events.drain()
            try:
                manifest = read_manifest(directory, channel, trust)
            except Refused as refused:
                raise SluiceError(
                    "PROTOCOL", f"the manifest of {channel} is refused: {printable(str(refused))}"
                ) from None
            if manifest is not None and probe(directory.file(channel, "sock")) != "gone":
                return manifest.kind
            if fails_when_missing:
                raise SluiceError("CHANNEL_NOT_FOUND", f"nobody publishes {channel} in {directory.path}")
            left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"nobody published {channel} in time")
            events.poll(left)
    finally:
        events.close()


def open_subscriber(
    channel: str,
    format: Optional[Format] = None,
    *,
    delivery: Optional[str] = None,
    start: Union[str, int, None] = None,
    max_lag: Optional[int] = None,
    when_behind: str = "skip",
    when_missing: str = "wait",
    when_lost: str = "reconnect",
    share: Optional[Tuple[int, int]] = None,
    key_frames_only: bool = False,
    max_held: Optional[int] = None,
    copy_to: Optional[str] = None,
    device: Any = None,
    timeout_s: Optional[float] = None,
    allow_uids: Iterable[int] = (),
    directory: Optional[str] = None,
    label: Optional[str] = None,
) -> Any:
    """Subscribes, and waits until the channel is there: a :class:`FrameSubscriber` or a :class:`MessageSubscriber`.
    For a pattern: a :class:`GroupSubscriber` of the channels that match, which come and go; it waits for none.

    :param channel: its name, for instance ``'camera/door'``, or a pattern: ``'agent/*'`` one level, ``'camera/**'`` any
        depth.
    :param format: what it must carry, as much of it as matters; ``FORMAT_MISMATCH`` otherwise, now or later. Of a
        group: which channels belong to it; without a format frames and messages of any.
    :param delivery: ``'latest'``, the newest only (default of frames), or ``'every'``, in order (default of messages).
    :param start: messages: ``'newest'`` (default), ``'oldest'`` or a sequence.
    :param max_lag: ``every``: how many to be behind at most. Default: frames 4, messages what the ring allows.
    :param when_behind: ``every``, when further behind: ``'skip'`` to what is there, or ``'end'``.
    :param when_missing: ``'wait'`` for a publisher or ``'fail'`` with ``CHANNEL_NOT_FOUND``.
    :param when_lost: after the publisher's end: ``'reconnect'`` to the next one or ``'end'``.
    :param share: ``(rank, world)``: only the sequences that are rank modulo world, for a group that splits a channel.
    :param key_frames_only: frames: only those with the key flag.
    :param max_held: frames: how many to hold at once, 1 to 16. Default 2, or fewer when there are no more.
    :param copy_to: ``'host'``: frames in the memory of a GPU as a copy in host memory, which their publisher makes.
    :param device: frames: the GPU that reads them (``'cuda:1'``, ``'GPU-…'``, a ``torch.device``); by default, of a
        channel on a GPU, that very GPU. ``WRONG_DEVICE`` for channels in host memory.
    :param timeout_s: how long to wait for the channel, seconds; ``TimeoutError`` then. None: without end.
    :param allow_uids: other users whose publishers are believed.
    :param directory: the runtime directory; default that of the process.
    :param label: how the publisher's lists call this subscriber.
    :raises SluiceError: ``CHANNEL_NOT_FOUND``, ``FORMAT_MISMATCH``, ``LEASES_EXHAUSTED``, ``ACCESS_DENIED``, ...
    """
    _one_of("delivery", delivery, ("latest", "every", None))  # type: ignore[arg-type]
    _one_of("when_behind", when_behind, ("skip", "end"))
    _one_of("when_missing", when_missing, ("wait", "fail"))
    _one_of("when_lost", when_lost, ("reconnect", "end"))
    _one_of("copy_to", copy_to, ("host", None))  # type: ignore[arg-type]
    _bounded("max_lag", max_lag, 1, 2**30)
    _bounded("max_held", max_held, 1, 16)
    if share is not None:
        _bounded("share[1]", share[1], 1, 65536)
        _bounded("share[0]", share[0], 0, share[1] - 1)
    if isinstance(start, int):
        _bounded("start", start, 0, 2**53 - 1)
    else:
        _one_of("start", start, ("newest", "oldest", None))  # type: ignore[arg-type]
    group = is_pattern(channel)
    (matcher if group else check_name)(channel)
    place, trust = open_directory(directory), trust_of(allow_uids)
    name = (program_label() if label is None else label)[:128]
    frame_options = {
        "max_held": max_held,
        "copy_to": copy_to,
        "device": device,
        "key_frames_only": key_frames_only or None,
    }

    def wishes_of(kind: str) -> Wishes:
        if kind == "frame" and start is not None:
            raise TypeError("start is an option of message channels: a pool keeps no history")
        given = [option for option, value in frame_options.items() if value is not None]
        if kind == "message" and given:
            raise TypeError(f"{given[0]} is an option of frame channels")
        chosen = delivery or ("latest" if kind == "frame" else "every")
        if chosen == "latest" and max_lag is not None:
            raise TypeError("max_lag belongs to delivery='every'")
        return Wishes(
            channel,
            kind,
            format,
            chosen,
            "newest" if start is None else start,
            max_lag,
            when_behind,
            share,
            key_frames_only,
            max_held,
            copy_to,
            device,
            when_missing == "fail",
            when_lost == "reconnect",
            name,
        )

    if group:
        if when_missing == "fail" or when_lost == "end":
            raise TypeError(
                "when_missing and when_lost are options of one channel: a group follows what comes and goes"
            )
        if format is not None:
            kinds = [format.channel_kind]
        else:
            # Options that one kind alone has say that it is meant.
            frames = any(value is not None for value in frame_options.values())
            kinds = [kind for kind, other in (("frame", start is not None), ("message", frames)) if not other]
            if not kinds:
                raise TypeError("start is an option of message channels, the others of frames: say which by a format")
        subscribers = GroupSubscriber(place, trust, channel, {kind: wishes_of(kind) for kind in kinds})
        subscribers.settle(_SETTLE_S if timeout_s is None else min(_SETTLE_S, timeout_s))
        return subscribers
    place.socket_path(channel)
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    if format is None:
        kind = _kind_on_the_bus(place, channel, trust, when_missing == "fail", deadline)
    else:
        kind = format.channel_kind
    wishes = wishes_of(kind)
    subscriber: Union[FrameSubscriber, MessageSubscriber] = (
        FrameSubscriber(place, trust, wishes) if kind == "frame" else MessageSubscriber(place, trust, wishes)
    )
    try:
        _wait_connected(subscriber, deadline)
    except BaseException:
        subscriber.close()
        raise
    return subscriber


def _wait_connected(subscriber: Union[FrameSubscriber, MessageSubscriber], deadline: Optional[float]) -> None:
    link = subscriber.link
    while True:
        link.advance()
        if link.failure is not None:
            raise link.failure
        if link.session is not None:
            return
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            if link.last_problem is not None and link.last_problem.code != "CHANNEL_NOT_FOUND":
                raise link.last_problem
            raise TimeoutError(f"nobody published {subscriber.channel} in time")
        link.events.poll(left)


def _publishing_device(channel: str, memory: Optional[str], like: Any) -> Any:
    """The GPU whose memory the slots are, None for host memory."""
    of_array = str(getattr(like, "device", "cpu"))
    wanted = memory or (of_array if of_array.startswith("cuda") else "host")
    if _is_cupy(like) and memory is None:
        wanted = f"cuda:{like.device.id}"
    if wanted == "host":
        return None
    if not str(wanted).startswith("cuda"):
        raise ValueError(f"memory must be 'host', 'cuda', 'cuda:N' or 'cuda:GPU-…', got {memory!r}")
    from ._gpu.devices import find_device

    return find_device(wanted, f"publish {channel}")


def _is_cupy(like: Any) -> bool:
    return type(like).__module__.split(".")[0] == "cupy"


def open_publisher(
    channel: str,
    format: Optional[Format] = None,
    *,
    like: Any = None,
    memory: Optional[str] = None,
    slots: Optional[int] = None,
    layout: str = "bytes",
    ring_bytes: Optional[int] = None,
    when_full: Optional[str] = None,
    patience_s: float = 1.0,
    when_taken: str = "fail",
    max_subscribers: int = 64,
    user_data: Optional[Mapping[str, Any]] = None,
    allow_uids: Iterable[int] = (),
    allow_gids: Iterable[int] = (),
    allow_gpu_uids: Iterable[int] = (),
    hardened: bool = False,
    timeout_s: Optional[float] = None,
    directory: Optional[str] = None,
    label: Optional[str] = None,
) -> Any:
    """Owns a channel and publishes on it: a :class:`FramePublisher` or a :class:`MessagePublisher`.

    :param format: what it carries, in full.
    :param like: instead of a format, an array whose dtype and shape every frame has; of one on a GPU, frames too.
    :param memory: frames: ``'host'`` or that of a GPU: ``'cuda'`` (the first), ``'cuda:1'``, ``'cuda:GPU-…'``.
    :param slots: frames: 2 to 384, default 8. What subscribers hold, plus the largest ``max_lag``, plus 1. Messages in
        the slots layout: a power of two, default 4096.
    :param layout: messages: ``'bytes'`` takes any size and carries times, ``'slots'`` is what kernels of GPUs write.
    :param ring_bytes: messages in the bytes layout: size of the ring, rounded up to a power of two. Default 1 MiB.
    :param when_full: when ``every`` subscribers have not read enough: ``'drop'`` (default of frames), ``'wait'``
        (default of messages), messages also ``'overwrite'``.
    :param patience_s: how long one slow subscriber may hold this publisher back.
    :param when_taken: when another publisher owns the channel: ``'fail'`` with ``CHANNEL_IN_USE`` or ``'wait'``.
    :param user_data: shown in the manifest, plain JSON of at most 4 KiB.
    :param allow_uids: other users that may read, beside this one; ``allow_gids`` groups.
    :param allow_gpu_uids: of those, who may have the memory of the GPU: who can read that can write it. The others read
        with ``copy_to='host'``.
    :param hardened: keep other processes of this user from reading this process's memory and descriptors; for the whole
        process and for good, debuggers and core dumps included.
    :param timeout_s: with ``when_taken='wait'``: how long, seconds.
    :raises SluiceError: ``CHANNEL_IN_USE``, ``NO_SPACE``, ``BAD_DIRECTORY``, ``UNSUPPORTED``, ...
    """
    check_name(channel)
    if (format is None) == (like is None):
        raise TypeError("open_publisher() takes either a format or like=")
    chosen = format if format is not None else tensor(like.dtype, tuple(like.shape))
    chosen.require_complete()
    frame = chosen.channel_kind == "frame"
    full = when_full or ("drop" if frame else "wait")
    _one_of("when_full", full, ("drop", "wait") if frame else ("drop", "wait", "overwrite"))
    _one_of("when_taken", when_taken, ("fail", "wait"))
    _bounded("max_subscribers", max_subscribers, 1, 1024)
    if not patience_s >= 0:
        raise ValueError(f"patience_s must be at least 0, got {patience_s!r}")
    if label is not None and len(label) > 128:
        raise ValueError("label has at most 128 characters")
    try:
        check_user_data(dict(user_data or {}))
    except Refused as refused:
        raise ValueError(f"user_data must be plain JSON of at most 4096 bytes: {refused}") from None
    place = open_directory(directory)
    place.socket_path(channel)
    if hardened:
        set_not_dumpable()
    options = {
        "when_full": full,
        "patience_s": patience_s,
        "max_subscribers": max_subscribers,
        "user_data": user_data or {},
        "label": label,
        "waits": when_taken == "wait",
        "timeout_s": timeout_s,
    }
    trust = trust_of(allow_uids, allow_gids)
    _one_of("layout", layout, ("bytes", "slots"))
    if ring_bytes is not None and (frame or layout == "slots"):
        raise TypeError("ring_bytes is an option of message channels in the bytes layout; use slots here")
    if frame:
        if layout != "bytes":
            raise TypeError("layout is an option of message channels")
        gpu, gpu_uids = _publishing_device(channel, memory, like), trust_of(allow_gpu_uids).uids
        return FramePublisher(place, channel, chosen, trust, slots=slots, device=gpu, gpu_uids=gpu_uids, **options)
    if memory not in (None, "host"):
        raise TypeError("memory is an option of frame channels: messages are in host memory")
    if slots is not None and layout != "slots":
        raise TypeError("slots is an option of frame channels and of layout='slots'; use ring_bytes here")
    return MessagePublisher(place, channel, chosen, trust, ring=ring_of(layout, slots, ring_bytes), **options)
