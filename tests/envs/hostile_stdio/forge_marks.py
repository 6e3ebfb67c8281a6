# Sends the bytes that our own wrappers send, before a wrong answer.
# expect: WA
import os

for byte in range(256):
    os.write(2, bytes([byte]))
os.write(2, b"\x06\x06ready\nR" + bytes(16) + b"E" + bytes(12))
print("\x06nothing")
