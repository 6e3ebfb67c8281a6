# stdout without end.
# expect: OLE
import os

while True:
    os.write(1, b"nothing\n" * 512)
