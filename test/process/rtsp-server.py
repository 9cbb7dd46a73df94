"""Plays clips by RTSP on a port of the loopback, for tests: rtsp-server.py PORT PATH=FILE... [--login USER:PASSWORD]

Prints "ready PORT" when it listens, and "client" for each that connects. A connection ends with the process. A clip plays once for each client, from its
start, at the pace of its time stamps. A path with "record" in its name is one that clients publish to: what comes is
stored in the file, as H.264.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PAYLOADERS = {
    "h264": "h264parse ! rtph264pay config-interval=-1",
    "hevc": "h265parse ! rtph265pay config-interval=-1",
}


def launch_line(path, codec, sound):
    pay = PAYLOADERS[codec]
    line = f"( filesrc location={path} ! qtdemux name=d d.video_0 ! queue ! {pay} name=pay0 pt=96"
    if sound:
        line += " d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"
    return line + " )"


def recording(path):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    stream = "video/x-h264,stream-format=byte-stream,alignment=au"
    factory.set_launch(
        f"( rtph264depay name=depay0 ! h264parse ! {stream} "
        f"! filesink location={path} sync=false async=false buffer-mode=unbuffered )"
    )
    return factory


def main(port, clips, login):
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    if login:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        user, password = login.split(":", 1)
        basic = GstRtspServer.RTSPAuth.make_basic(user, password)
        auth.add_basic(basic, token)
        server.set_auth(auth)
    mounts = server.get_mount_points()
    for clip in clips:
        name, path = clip.split("=", 1)
        if "record" in name:
            mounts.add_factory(f"/{name}", recording(path))
            continue
        codec = "hevc" if "hevc" in name else "h264"
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch_line(path, codec, "sound" in name))
        if login:
            factory.add_role_from_structure(
                Gst.Structure.new_from_string(
                    "user,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
                )
            )
        mounts.add_factory(f"/{name}", factory)
    server.connect("client-connected", lambda *_: print("client", flush=True))
    if server.attach(None) == 0:
        sys.exit("cannot listen")
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    words = sys.argv[1:]
    login = None
    if "--login" in words:
        at = words.index("--login")
        login = words[at + 1]
        del words[at : at + 2]
    main(words[0], words[1:], login)
