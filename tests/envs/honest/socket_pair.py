# Speaks to itself over a socket on its own loopback, where there is one.
import socket
import threading

n, *numbers = map(int, open(0).read().split())
left, right = socket.socketpair()
threading.Thread(target=lambda: (left.sendall(str(sum(numbers)).encode()), left.close())).start()
data = b""
while more := right.recv(16):
    data += more
print(data.decode())
