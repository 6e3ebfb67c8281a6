# Leaves connections behind on its own loopback, and looks for those of the last program.
# expect: AC
# twice: yes
import socket

found = []
for port in (31999, 32001):
    try:
        server = socket.socket()
        server.bind(("127.0.0.1", port))
        server.listen()
    except OSError as error:
        if error.errno == 98:
            found.append(f"port {port}")
        continue
    try:
        client = socket.create_connection(("127.0.0.1", port), 1)
        server.accept()[0].close()  # whoever closes first leaves a trace for a minute
        client.close()
    except OSError:
        pass
for name in ("tcp", "udp", "unix"):
    try:
        shown = open(f"/proc/net/{name}").read().splitlines()[1:]
    except OSError:
        continue
    found += [f"{name}: {line}" for line in shown if "7CFF" in line and not found and name != "tcp"]
print(*found or ["nothing"])
