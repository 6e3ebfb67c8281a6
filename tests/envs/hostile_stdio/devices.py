# Devices that are none of its business, found or made.
# expect: AC
# gvisor: WA 10:200
# That is a network interface of its own kernel.
import os
import stat

found = []
for name in ("mem", "kmem", "port", "kmsg", "sda", "vda", "loop0", "loop-control", "kvm", "vhost-net", "disk", "mapper/control"):
    try:
        os.open(f"/dev/{name}", os.O_RDWR | os.O_NONBLOCK)
        found.append(name)
    except OSError:
        pass
for number, (major, minor) in enumerate(((1, 1), (8, 0), (253, 0), (10, 200))):
    try:
        os.mknod(f"d{number}", stat.S_IFCHR | 0o666 if major in (1, 10) else stat.S_IFBLK | 0o666, os.makedev(major, minor))
        os.open(f"d{number}", os.O_RDWR)
        found.append(f"{major}:{minor}")
    except OSError:
        pass
print(*found or ["nothing"])
