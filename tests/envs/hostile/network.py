# expect: AC
# Looks for a way out: the host's loopback, the host's abstract sockets, the world, raw packets.
import socket


def f(host):
    found = []
    for family, kind, address in (
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", host["port"])),
        (socket.AF_INET, socket.SOCK_STREAM, ("1.1.1.1", 53)),
        (socket.AF_INET6, socket.SOCK_STREAM, ("::1", host["port"])),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + host["abstract"]),
        (socket.AF_UNIX, socket.SOCK_STREAM, host["folder"] + "/socket"),
    ):
        try:
            with socket.socket(family, kind) as tried:
                tried.settimeout(0.2)
                tried.connect(address)
            found.append(str(address))
        except OSError:
            pass
    for family in (socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG):
        try:
            socket.socket(family, socket.SOCK_RAW if family == socket.AF_PACKET else socket.SOCK_STREAM).close()
            found.append(str(family))
        except OSError:
            pass
    return found
