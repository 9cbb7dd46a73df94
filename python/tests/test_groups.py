"""Groups: channels of a pattern, read as one."""

import asyncio
import os
import select
import threading

import pytest

import sluice
from peers import Program, needs_node, until
from stamp import STAMPED, STAMPED_BYTES, publish_stamped, read_stamp, read_stamped_message

SMALL = sluice.video(8, 8, "gray8")
LARGE = sluice.video(16, 8, "gray8")


def follow(group, count):
    """Lets the group go on, which reads nothing here, until so many channels belong to it."""

    def looked():
        assert group.try_receive() is None
        return len(group.channels) == count

    until(looked, what=f"{count} channels")


def test_follows_channels_as_they_come_go_and_come_back():
    with sluice.open_publisher("agent/one", sluice.text()) as one, sluice.open_publisher("other/one", sluice.text()):
        with sluice.open_publisher("agent/pictures", SMALL), sluice.open_publisher("agent/b/c", sluice.text()):
            with sluice.open_subscriber("agent/*", sluice.text()) as group:
                # Who is there when it is opened belongs to it from the first message on.
                assert group.channels == ("agent/one",) and group.manifest.channel == "agent/one"
                one.send("a")
                message = group.receive(5)
                assert (message.channel, message.value) == ("agent/one", "a")
                with sluice.open_publisher("agent/two", sluice.text()) as two:
                    follow(group, 2)
                    two.send("b")
                    assert group.receive(5).channel == "agent/two"
                    one.send("last words")
                    one.close()
                    assert group.receive(5).value == "last words"
                    follow(group, 1)
                    with sluice.open_publisher("agent/one", sluice.text()) as again:
                        follow(group, 2)
                        again.send("c")
                        assert group.receive(5).value == "c"
                        assert group.channels == ("agent/one", "agent/two")
                        stats = group.stats()
                        assert (stats["received"], stats["reconnects"], stats["lost"]) == (4, 1, 0)
                        assert (stats["channels"], stats["held"], stats["lag"]) == (2, 0, 0)
                        each = group.channel_stats()
                        assert {name: one["received"] for name, one in each.items()} == {"agent/one": 1, "agent/two": 1}
                    assert group.left_out == {}


def test_any_depth_and_any_kind():
    with sluice.open_publisher("a/b/c", sluice.text()) as deep, sluice.open_publisher("a/d", STAMPED) as frames:
        with sluice.open_subscriber("a/**") as group:
            assert group.channels == ("a/b/c", "a/d")
            deep.send("x")
            publish_stamped(frames.loan(), 7)
            units = {unit.channel: unit for unit in (group.receive(5), group.receive(5))}
            assert units["a/b/c"].value == "x" and read_stamp(units["a/d"]) == 7
            units["a/d"].release()
        with sluice.open_subscriber("a/**", start="oldest") as group:
            assert group.channels == ("a/b/c",) and group.receive(5).value == "x"
        with sluice.open_subscriber("a/**", max_held=1) as group:
            assert group.channels == ("a/d",)


def test_members_take_turns():
    with sluice.open_publisher("agent/busy", sluice.text()) as busy, sluice.open_publisher(
        "agent/quiet", sluice.text()
    ) as quiet:
        with sluice.open_subscriber("agent/*", sluice.text()) as group:
            follow(group, 2)
            for _ in range(500):
                busy.send("noise")
            assert group.receive(5).value == "noise"
            for _ in range(3):
                quiet.send("word")
            # It slept while the other was read: it is noticed within a bounded number of messages, then takes turns.
            seen = [group.receive(5).channel for _ in range(100)]
            assert seen.count("agent/quiet") == 3
            first = seen.index("agent/quiet")
            assert seen[first : first + 6].count("agent/quiet") == 3


def test_frames_in_a_loop_and_full_hands():
    with sluice.open_publisher("camera/left", STAMPED) as left, sluice.open_publisher("camera/right", STAMPED) as right:
        with sluice.open_subscriber("camera/**", STAMPED, delivery="every", max_held=1) as group:
            publish_stamped(left.loan(), 1)
            held = group.receive(5)
            # Nothing new where the hands are full: it waits for the others.
            with pytest.raises(TimeoutError):
                group.receive(0.05)
            publish_stamped(left.loan(), 2)
            publish_stamped(right.loan(), 3)
            other = group.receive(5)
            assert (other.channel, read_stamp(other)) == ("camera/right", 3)
            with pytest.raises(sluice.LeasesExhaustedError):
                group.receive(5)
            assert group.stats()["held"] == 2
            held.release()
            other.release()
            for frame in group:
                assert (frame.channel, read_stamp(frame)) == ("camera/left", 2)
                break
            assert frame.released and group.stats()["held"] == 0


def test_leaves_out_what_it_does_not_want_until_it_does():
    with sluice.open_publisher("camera/a", LARGE) as one, sluice.open_publisher("camera/b", SMALL):
        with sluice.open_subscriber("camera/*", SMALL) as group:
            assert group.channels == ("camera/b",)
            one.set_format(SMALL)
            follow(group, 2)
            one.set_format(LARGE)
            follow(group, 1)


def test_tries_again_where_no_place_was_free():
    with sluice.open_publisher("agent/one", sluice.text(), max_subscribers=1) as one:
        with sluice.open_publisher("agent/two", sluice.text()):
            first = sluice.open_subscriber("agent/one")
            with sluice.open_subscriber("agent/*", sluice.text()) as group:
                follow(group, 1)
                first.close()
                follow(group, 2)
                one.send("x")
                assert group.receive(5).value == "x"


def test_descriptor_tells_of_members_and_of_new_channels():
    with sluice.open_subscriber("agent/*", sluice.text()) as group:
        poller = select.poll()
        poller.register(group.fileno(), select.POLLIN)
        with sluice.open_publisher("agent/one", sluice.text()) as one:

            def joined():
                assert poller.poll(5000)
                assert group.try_receive() is None
                return group.channels == ("agent/one",)

            until(joined)
            for value in range(50):
                one.send(str(value))
                assert poller.poll(5000) and group.receive(5).value == str(value)
                assert group.try_receive() is None


def test_asyncio():
    async def main(group, publishers):
        async def write():
            for value in range(20):
                publishers[value % 2].send(value)
                await asyncio.sleep(0)

        task = asyncio.ensure_future(write())
        seen = []
        async for message in group:
            seen.append(message.value)
            if len(seen) == 20:
                break
        await task
        return seen

    with sluice.open_publisher("a/x", sluice.json()) as one, sluice.open_publisher("a/y", sluice.json()) as two:
        with sluice.open_subscriber("a/*", sluice.json()) as group:
            assert sorted(asyncio.run(asyncio.wait_for(main(group, (one, two)), 20))) == list(range(20))


def test_ends():
    with sluice.open_publisher("agent/one", sluice.text()) as one:
        group = sluice.open_subscriber("agent/*", sluice.text())
        assert one.stats()["subscribers"] == 1
        threading.Timer(0.1, group.close).start()
        with pytest.raises(sluice.ClosedError):
            group.receive(10)
        until(lambda: one.stats()["subscribers"] == 0)
        assert group.closed and list(group) == [] and group.stats()["channels"] == 0
        group.close()
        with pytest.raises(sluice.ClosedError):
            group.fileno()
    for wrong in ("agent/**/x", "A/*", "a/***"):
        with pytest.raises(TypeError):
            sluice.open_subscriber(wrong, sluice.text())
    for options in ({"when_missing": "fail"}, {"when_lost": "end"}, {"start": "oldest", "max_held": 1}):
        with pytest.raises(TypeError):
            sluice.open_subscriber("a/*", **options)


def test_when_behind_ends_all_of_it():
    with sluice.open_publisher("agent/one", sluice.text(), ring_bytes=4096, when_full="overwrite") as one:
        with sluice.open_subscriber("agent/*", sluice.text(), when_behind="end") as group:
            for value in range(500):
                one.send(str(value))
            with pytest.raises(sluice.ClosedError) as caught:
                while True:
                    one.send("more")
                    group.try_receive()
            assert caught.value.details["lost"] > 100
            with pytest.raises(sluice.ClosedError):
                group.try_receive()


def test_a_member_that_breaks_hurts_only_itself(directory):
    with sluice.open_publisher("agent/good", sluice.text()) as good, sluice.open_publisher("agent/bad", sluice.text()):
        with sluice.open_subscriber("agent/*", sluice.text()) as group:
            assert len(group.channels) == 2
            # Its head runs backwards: no publisher does that.
            bad = group._members["agent/bad"]._session.reader
            bad.position = 2**40
            for value in range(20):
                good.send(str(value))
                assert group.receive(5).value == str(value)
            # Which is over with a new connection.
            follow(group, 2)
        broken = os.path.join(directory, "agent~worse.json")
        with open(broken, "w", encoding="ascii") as file:
            file.write("{")
        os.chmod(broken, 0o600)
        with sluice.open_subscriber("agent/*", sluice.text()) as group:
            good.send("x")
            assert group.receive(5).value == "x"


def test_number_of_members_is_bounded(monkeypatch):
    monkeypatch.setattr("sluice.group.MAX_MEMBERS", 2)
    publishers = [sluice.open_publisher(f"a/{name}", sluice.text()) for name in "xyz"]
    with sluice.open_subscriber("a/*", sluice.text()) as group:
        assert group.channels == ("a/x", "a/y")
        for _ in range(100):
            assert group.try_receive() is None
        assert group.channels == ("a/x", "a/y")
        publishers[0].close()
        until(lambda: group.try_receive() is None and group.channels == ("a/y", "a/z"))
    for publisher in publishers:
        publisher.close()


def test_fork():
    with sluice.open_publisher("a/x", sluice.text()) as publisher:
        with sluice.open_subscriber("a/*", sluice.text()) as group:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    group.try_receive()
                except sluice.ClosedError as error:
                    group.close()
                    code = 0 if "parent" in str(error) else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            publisher.send("still here")
            assert group.receive(5).value == "still here" and publisher.stats()["subscribers"] == 1


@needs_node
def test_of_typescript_publishers_that_are_killed():
    def start(name):
        program = Program.node("writer-program", channel=name, kind="messages", options={})
        assert program.line() == "open"
        return program

    writers = {name: start(name) for name in ("m/one", "m/two")}
    with sluice.open_subscriber("m/*", STAMPED_BYTES) as group, sluice.open_publisher("m/py", STAMPED_BYTES):
        follow(group, 3)
        for round_ in range(6):
            for writer in writers.values():
                writer.ask("3")
            seen = [group.receive(5) for _ in range(6)]
            [read_stamped_message(message.data) for message in seen]
            assert sorted(message.channel for message in seen) == ["m/one"] * 3 + ["m/two"] * 3
            killed = ("m/one", "m/two")[round_ % 2]
            writers[killed].kill()
            follow(group, 2)
            writers[killed] = start(killed)
            follow(group, 3)
        stats = group.stats()
        assert (stats["received"], stats["lost"], stats["reconnects"]) == (36, 0, 6)


@needs_node
def test_typescript_group_reads_python():
    with sluice.open_publisher("m/a", STAMPED_BYTES, layout="slots") as one, sluice.open_publisher(
        "m/b", STAMPED_BYTES
    ) as two:
        from stamp import stamped_message

        reader = Program.node("reader-program", channel="m/*", kind="messages", options={})
        reader.line()
        until(lambda: one.stats()["subscribers"] == 1 and two.stats()["subscribers"] == 1)
        for value in range(1, 101):
            (one, two)[value % 2].send(stamped_message(value))
        until(lambda: '"received":100,' in reader.ask("stats"), what="the last message")
