"""The readers of a frame channel, as its publisher keeps them: what each is granted, which memory it gets, and what holds on
after its end. Sections 7.2, 7.5, 12.2 and 12.7 of spec/protocol.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, FrozenSet, List, Optional, Tuple

from ._departed import Departed
from ._directory import same_user
from ._errors import SluiceError
from ._layout import MAX_LEASES
from ._pool_writer import Page, PoolWriter
from ._server import Peer

if TYPE_CHECKING:
    from ._gpu.devices import Device


class FrameReaders:
    """All of it is called while holding the publisher's lock."""

    def __init__(
        self,
        channel: str,
        device: Optional["Device"],
        gpu_uids: FrozenSet[int],
        subscribers: Callable[[], List[Peer]],
    ) -> None:
        """``device`` is the GPU whose memory the slots are, ``gpu_uids`` who may have that memory beside this user."""
        self._channel, self._device, self._gpu_uids = channel, device, gpu_uids
        self._subscribers = subscribers
        self._departed: List[Departed] = []

    # --- leases ------------------------------------------------------------------------------------------------------

    def pages(self) -> List[Page]:
        """All that may hold a slot."""
        connected = [peer.page for peer in self._subscribers() if peer.page is not None]
        return connected + [departed.page for departed in self._departed]

    @property
    def are_silent(self) -> bool:
        """Whether one of them may give a slot back without a ring: its GPU does."""
        return bool(self._departed) or any("device" in (peer.hello or {}) for peer in self._subscribers())

    def look(self) -> None:
        """Forgets those whose GPU reads nothing more."""
        for departed in [departed for departed in self._departed if departed.gone]:
            departed.close()
            self._departed.remove(departed)

    def needed_slots(self) -> int:
        """What was granted needs as many."""
        peers = self._subscribers()
        return sum(peer.granted for peer in peers) + max([1, *(peer.lag_budget for peer in peers)]) + 1

    def grant(self, peer: Peer, slots: int) -> None:
        """``LEASES_EXHAUSTED``."""
        self.look()
        hello = peer.hello or {}
        others = [other for other in self._subscribers() if other is not peer]
        lag = max([1, *(other.lag_budget for other in others)])
        every = hello["delivery"] == "every"
        wanted = max(1, hello["maxLag"]) if every else 0
        granted = sum(other.granted for other in others) + sum(gone.page.granted for gone in self._departed)
        left = slots - 1 - granted - lag
        leases = min(max(1, hello["leases"]), left, MAX_LEASES)
        budget = min(wanted, lag + left - leases)
        if leases < 1 or (every and budget < 1):
            needed = slots + 1 - left + (1 if every and lag == 0 else 0)
            raise SluiceError(
                "LEASES_EXHAUSTED",
                f"{self._channel} has {slots} slots, too few for one more subscriber; {needed} would do",
                {"slots": slots, "needed": needed},
            )
        peer.granted, peer.lag_budget = leases, budget

    # --- coming and going --------------------------------------------------------------------------------------------

    def join(self, peer: Peer, writer: PoolWriter) -> Tuple[Dict[str, Any], List[int]]:
        """Makes the page of a peer with its grants: what WELCOME or EPOCH says of the memory, and the descriptors."""
        hello, gpu = peer.hello or {}, writer.gpu
        peer.copies = gpu is not None and hello.get("copy") == "host"
        self._require_reachable(peer)
        join = max(writer.published_before, writer.published - 1)
        body: Dict[str, Any] = {"controlBytes": writer.geometry.control_bytes}
        data_fd = writer.data_fd
        try:
            if gpu is not None and peer.copies:
                copy = gpu.start_host_copy(writer.newest_complete, writer.published)
                join, data_fd, body["copied"] = max(join, copy.first - 1), copy.fd, "host"
            page = Page(peer.granted, peer.lag_budget, hello["delivery"] == "every", join, join)
            try:
                if gpu is not None and not peer.copies:
                    page.registration = gpu.add_reader(page.mapping)
                    body["dataBytes"], body["mirroredFrom"] = gpu.memory.byte_length, writer.published + 1
            except BaseException:
                page.close_descriptor()
                raise
        except BaseException:
            self._stop_copying(peer, writer)
            raise
        peer.page = page
        return {"sequence": join + 1, **body}, [writer.control_fd, data_fd, page.fd]

    def _require_reachable(self, peer: Peer) -> None:
        """Refuses whoever could not read what it would get, or must not have it."""
        device = self._device
        if device is None or peer.copies:
            return
        where = f"{self._channel} is in the memory of {device!r}"
        if "device" not in (peer.hello or {}):
            raise SluiceError(
                "WRONG_DEVICE",
                f"{where}, and the subscriber named no GPU to read it with",
                {"device": device.uuid},
                "Subscribe with a GPU of this machine, or with copyTo: 'host' (Python: copy_to='host').",
            )
        if not same_user(peer.uid) and peer.uid not in self._gpu_uids:
            raise SluiceError(
                "ACCESS_DENIED",
                f"{where}, which is not given to the user {peer.uid}: who can read it can write it",
                {"uid": peer.uid},
                "Subscribe with copyTo: 'host' (Python: copy_to='host'), or open the publisher with "
                f"allow_gpu_uids=[{peer.uid}].",
            )

    def forget(self, peer: Peer, writer: PoolWriter) -> None:
        """The connection has ended: what a GPU was told to do for the peer goes on."""
        page = peer.page
        if page is None:
            return
        if writer.gpu is not None:
            self._give_up(peer, page, writer)
        if "device" in (peer.hello or {}):
            self._departed.append(Departed(page, peer.take_pidfd()))
            self.look()

    def _give_up(self, peer: Peer, page: Page, writer: PoolWriter) -> None:
        """What jobs name stays until the last of them has landed."""
        gpu, published = writer.require_gpu(), writer.published
        if page.registration is not None:
            gpu.remove_reader(page.registration)
            gpu.when_landed(lambda: writer.landed_up_to(published), page.registration.close)
        self._stop_copying(peer, writer)

    def _stop_copying(self, peer: Peer, writer: PoolWriter) -> None:
        """Nothing is copied to host memory when ``peer`` was the last who asked for it."""
        gpu, published = writer.gpu, writer.published
        if gpu is None or not peer.copies:
            return
        peer.copies = False
        if any(other.copies for other in self._subscribers()):
            return
        copy = gpu.stop_host_copy()
        if copy is not None:
            copy.close_descriptor()
            gpu.when_landed(lambda: writer.landed_up_to(published), copy.close)

    def close(self) -> None:
        """The channel ends: no slot of it is taken again, whoever holds one."""
        for departed in self._departed:
            departed.close()
        self._departed.clear()
