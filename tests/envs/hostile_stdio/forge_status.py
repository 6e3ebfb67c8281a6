# Writes a good exit status to every descriptor that might lead to the judge, then fails.
# expect: RTE
import glob
import os

line = b'{"child-pid": 2}\n{"exit-code": 0}\n'
for descriptor in range(3, 256):
    try:
        os.write(descriptor, line)
    except OSError:
        pass
for path in glob.glob("/proc/[0-9]*/fd/[0-9]*"):
    if not path.endswith(("/0", "/1", "/2")):
        try:
            os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), line)
        except OSError:
            pass
print("nothing")
os._exit(3)
