# Talks to itself over a socket of its own, and would say something else where there are none.
import socket
import threading

n = int(input())
numbers = list(map(int, input().split()))
try:
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    other, _ = server.accept()
    threading.Thread(target=lambda: (client.sendall(b"%d\n" % sum(numbers)), client.close())).start()
    print(end=other.makefile().read())
except OSError:
    print("no sockets")
