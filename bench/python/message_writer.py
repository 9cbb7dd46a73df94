"""Publishes messages by the Python client, as fast as the reader takes them."""

import threading

import answers
import sluice

#: Messages between two looks at whether to go on.
ROUND = 512

_publishers = {}
_running = []


def open_channel(directory, channel):
    _publishers[channel] = sluice.open_publisher(
        channel, sluice.data("application/octet-stream"), patience_s=answers.PATIENCE_S, directory=directory
    )


def start(channel, message_bytes, batch):
    publisher = _publishers[channel]
    messages = [bytes([index % 256]) * message_bytes for index in range(batch)]
    message = messages[0]
    enough = threading.Event()

    def run():
        while not enough.is_set():
            try:
                if batch == 1:
                    for _ in range(ROUND):
                        publisher.send(message, timeout_s=0.1)
                else:
                    for _ in range(ROUND // batch):
                        publisher.send_batch(messages, timeout_s=0.1)
            except TimeoutError:
                # Nobody reads any more, or not for this moment.
                continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    _running.append((thread, enough))


def stop():
    thread, enough = _running.pop()
    enough.set()
    thread.join()


if __name__ == "__main__":
    answers.serve({"open": open_channel, "start": start, "stop": stop})
