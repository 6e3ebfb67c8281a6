# Says in every dialect that the judge's own processes speak, on every descriptor, that all went well; then fails.
# expect: RTE
import os
import socket
import struct

print("nothing", flush=True)
said = [struct.pack(form, *[number] * count) for form, count in (("<i", 1), ("<ii", 2), ("<iidq", 4)) for number in (0, 1)]
said += [b"ready", b"\0" * 16, b"\0" * 24, b"\0" * 32, b'{"exit_status": 0}\n', b"0 0\n", b"c"]
for descriptor in range(3, 48):
    for message in said:
        for send in (lambda: os.write(descriptor, message), lambda: socket.socket(fileno=os.dup(descriptor)).send(message)):
            try:
                send()
            except OSError:
                pass
os._exit(3)
