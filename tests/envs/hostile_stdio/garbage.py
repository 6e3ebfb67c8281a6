# Bytes that are no text.
# expect: WA
import os

os.write(1, bytes(range(256)) * 64 + b"\xed\xa0\x80\xff\xfe\0\0nothing\n")
