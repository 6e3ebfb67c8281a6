# Reaches for the network, and for the host's sockets.
# expect: AC
import socket

folder, secret, port, abstract, pid = input().split()
found = []
attempts = {
    "loopback": lambda: socket.create_connection(("127.0.0.1", int(port)), 0.2),
    "loopback6": lambda: socket.create_connection(("::1", int(port)), 0.2),
    "internet": lambda: socket.create_connection(("1.1.1.1", 53), 0.2),
    "names": lambda: socket.getaddrinfo("example.org", 80),
    "metadata": lambda: socket.create_connection(("169.254.169.254", 80), 0.2),
    "abstract": lambda: socket.socket(socket.AF_UNIX).connect("\0" + abstract),
    "socket": lambda: socket.socket(socket.AF_UNIX).connect(f"{folder}/socket"),
    "docker": lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "vsock": lambda: socket.socket(40, socket.SOCK_STREAM),
}
for name, attempt in attempts.items():
    try:
        attempt()
        found.append(name)
    except OSError:
        pass
print(*found or ["nothing"])
