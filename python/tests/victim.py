"""A publisher or subscriber that works until it is killed, as test/process/victim-program.ts."""

import json
import sys
import threading
import time

import sluice
from stamp import STAMPED, STAMPED_BYTES, publish_stamped, read_stamp, read_stamped_message, stamped_message

given = json.loads(sys.argv[1])


def tell(line):
    print(line, flush=True)


def publish():
    options = {"directory": given["directory"], "when_taken": "wait"}
    words = sluice.open_publisher(
        given["messages"], STAMPED_BYTES, layout=given.get("layout", "bytes"), patience_s=0.05, **options
    )
    pictures = sluice.open_publisher(given["frames"], STAMPED, slots=16, **options)
    tell("ready")
    value = 1
    while True:
        for _ in range(8):
            loan = pictures.try_loan()
            if loan is not None:
                publish_stamped(loan, value)
            words.send(stamped_message(value))
            value += 1
        time.sleep(0.001)


def read_messages():
    with sluice.open_subscriber(given["messages"], STAMPED_BYTES, directory=given["directory"]) as words:
        for message in words:
            read_stamped_message(message.data)


def subscribe():
    thread = threading.Thread(target=guarded, args=(read_messages,), daemon=True)
    thread.start()
    announced = False
    options = {"directory": given["directory"], "delivery": given["delivery"]}
    with sluice.open_subscriber(given["frames"], STAMPED, **options) as pictures:
        for frame in pictures:
            read_stamp(frame)
            time.sleep(0)
            read_stamp(frame)
            if not announced:
                tell("ready")
            announced = True


def guarded(work):
    try:
        work()
    except BaseException as error:  # noqa: BLE001
        tell(f"failed {error!r}")
        raise


def end_with_parent():
    sys.stdin.read()
    import os

    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
guarded(publish if given["role"] == "publisher" else subscribe)
