"""Sends messages from one Python process to another without Sluice: the writing end, which starts the reading one."""

import multiprocessing

import answers

#: Messages between two looks at whether to go on.
ROUND = 512
#: Of queues that would take any number.
MOST_WAITING = 1024
#: What is sent at the end of a measurement, to be told from messages by its size.
END = b""


class Queue:
    """``multiprocessing.Queue``; a batch is a list."""

    def __init__(self, context, directory):
        self._queue = context.Queue(MOST_WAITING)

    def open_reader(self):
        self.receive = self.receive_batch = self._queue.get

    def open_writer(self):
        self.send = self.send_batch = self._queue.put


class Pipe:
    """``Connection.send_bytes``; a batch is a list, by ``send``."""

    def __init__(self, context, directory):
        self._reader, self._writer = context.Pipe(duplex=False)

    def open_reader(self):
        self.receive, self.receive_batch = self._reader.recv_bytes, self._reader.recv

    def open_writer(self):
        self.send, self.send_batch = self._writer.send_bytes, self._writer.send


class ZeroMq:
    """PUSH and PULL over ``ipc://``; a batch is one message of many parts."""

    def __init__(self, context, directory):
        self._address = f"ipc://{directory}/zmq-messages"

    def open_reader(self):
        import zmq

        socket = zmq.Context.instance().socket(zmq.PULL)
        socket.connect(self._address)
        self.receive, self.receive_batch = socket.recv, socket.recv_multipart

    def open_writer(self):
        import zmq

        socket = zmq.Context.instance().socket(zmq.PUSH)
        socket.bind(self._address)
        self.send, self.send_batch = socket.send, socket.send_multipart


WAYS = {"Queue": Queue, "Pipe": Pipe, "pyzmq": ZeroMq}


def read(way, control):
    """The reading process: ``(batched, duration_ms)`` over ``control``, answered with millions of messages a second."""
    way.open_reader()
    control.send(None)
    while True:
        batched, duration_ms = control.recv()
        receive = way.receive_batch if batched else way.receive
        receive()
        received = 0
        began_ns = now_ns = answers.clock_ns()
        end_ns = began_ns + duration_ms * 1_000_000
        while now_ns < end_ns:
            for _ in range(16):
                received += len(receive()) if batched else bool(receive())
            now_ns = answers.clock_ns()
        control.send(received * 1000 / (now_ns - began_ns))
        while receive() != ([END] if batched else END):
            pass
        control.send(None)


class Rival:
    def __init__(self, context, name, directory):
        self._way = WAYS[name](context, directory)
        self._control, other = context.Pipe()
        # Ends with this process.
        self._reader = context.Process(target=read, args=(self._way, other), daemon=True)
        self._reader.start()
        other.close()
        self._way.open_writer()
        self._control.recv()

    def rate(self, message_bytes, batch, duration_ms):
        # Each its own: pickle would send one object once, and then only say that it comes again.
        messages = [bytes([index % 256]) * message_bytes for index in range(batch)]
        message = messages[0]
        send, send_batch = self._way.send, self._way.send_batch
        self._control.send((batch > 1, duration_ms))
        while not self._control.poll():
            if batch == 1:
                for _ in range(ROUND):
                    send(message)
            else:
                for _ in range(ROUND // batch):
                    send_batch(messages)
        found = self._control.recv()
        if batch == 1:
            send(END)
        else:
            send_batch([END])
        self._control.recv()
        return found

    def close(self):
        self._reader.kill()
        self._reader.join()


def main():
    context = multiprocessing.get_context("spawn")
    directory = answers.given()["directory"]
    rivals = {}

    def rate(way, message_bytes, batch, duration_ms):
        if way not in rivals:
            rivals[way] = Rival(context, way, directory)
        return rivals[way].rate(message_bytes, batch, duration_ms)

    def close():
        for rival in rivals.values():
            rival.close()
        rivals.clear()

    answers.serve({"rate": rate, "close": close})


if __name__ == "__main__":
    main()
