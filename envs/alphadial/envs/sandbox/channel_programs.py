"""Programs that leave notes wherever a program can leave one, and look for those of others.

Each follows ``COMMON`` and defines ``leave()``, and ``look()``, which returns what it sees: any difference to what it
sees where nobody left anything is a channel. ``clean()`` is for a sandbox that isolates nothing: there notes stay.
"""

from __future__ import annotations

COMMON = """
import ctypes, fcntl, os, platform, socket, stat, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
LEFT = 'alphadial-note'
def attempt(action, *arguments):
    try:
        return action(*arguments)
    except Exception as error:
        return type(error).__name__
def clean(): pass
def background():
    '''True in a process that would outlive the program, were it let.'''
    if os.fork():
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    return True
"""

NETWORK = """
PORTS = range(23100, 23164)
CHANNEL = 4  # what a warm program answers on
def waiting(port):
    server, client = socket.socket(), socket.socket()
    server.bind(('127.0.0.1', port))
    server.listen()
    client.connect(('127.0.0.1', port))
    server.accept()[0].close()
    for end in (client, server):
        end.close()
def cycle(left, right, name):
    left.bind(name)
    socket.send_fds(right, [b'x'], [left.fileno(), right.fileno()])  # neither is closed with the program
def counted():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        for _ in range(50):
            datagram.sendto(b'x' * 1000, ('127.0.0.1', 9))
def leave():
    for port in PORTS:
        attempt(waiting, port)
    for number, kind in enumerate((socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)):
        ends = attempt(socket.socketpair, socket.AF_UNIX, kind)
        attempt(lambda: cycle(*ends, f'\\0{LEFT}{number}'))
    attempt(lambda: socket.socket(fileno=os.dup(CHANNEL)).bind(f'\\0{LEFT}3'))
    attempt(counted)
    attempt(lambda: open('/proc/sys/net/ipv4/ip_default_ttl', 'w').write('77'))
def bound(port):
    with socket.socket() as tried:
        tried.bind(('127.0.0.1', port))
def link():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as netlink:
        request = bytes([17, 0, 0, 0, 18, 0, 1, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0])  # RTM_GETLINK, dumped
        netlink.sendto(request, (0, 0))
        answer, at, counters = netlink.recv(1 << 16), 32, []
        while at < len(answer):
            length, kind = struct.unpack_from('HH', answer, at)
            if kind in (7, 23):  # IFLA_STATS and IFLA_STATS64
                counters.append(answer[at : at + length].hex())
            at += max(4, (length + 3) // 4 * 4)
        return counters
def named(number):
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with left, right:
        left.sendto(b'x', f'\\0{LEFT}{number}')
def look():
    files = ('net/dev', 'net/snmp', 'net/netstat', 'sys/net/ipv4/ip_default_ttl')
    return [[attempt(bound, port) for port in PORTS], attempt(link), [attempt(named, number) for number in range(4)],
            [attempt(lambda: open('/proc/' + name).read()) for name in files]]
"""
"""Ports in TIME_WAIT, counters of the loopback, abstract names, settings."""

MEMORY = """
libc.mq_open.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
NAME, KEY = LEFT.encode(), 0xA1FA
ADD, CONTROL = {'x86_64': (248, 250), 'aarch64': (217, 219)}.get(platform.machine(), (-1, -1))
KEYRINGS = (-1, -2, -3, -4, -5)
def leave():
    libc.shmget(KEY, 4096, 0o1666)
    libc.semget(KEY, 1, 0o1666)
    libc.msgget(KEY, 0o1666)
    libc.mq_open(b'/' + NAME, os.O_CREAT | os.O_RDWR, 0o666, None)
    libc.shm_open(b'/' + NAME, os.O_CREAT | os.O_RDWR, 0o666)
    libc.sem_open(b'/' + NAME, os.O_CREAT, 0o666, 1)
    for ring in KEYRINGS:
        libc.syscall(ADD, b'user', NAME, b'x', 1, ring)
def keys():
    return [libc.syscall(CONTROL, 10, ring, b'user', NAME, 0) >= 0 for ring in KEYRINGS]
def look():
    return [libc.shmget(KEY, 0, 0) >= 0, libc.semget(KEY, 0, 0) >= 0, libc.msgget(KEY, 0) >= 0,
            libc.mq_open(b'/' + NAME, os.O_RDONLY, 0, None) >= 0, libc.shm_open(b'/' + NAME, os.O_RDONLY, 0) >= 0,
            keys(), sorted(attempt(os.listdir, '/dev/shm')),
            [attempt(lambda: open('/proc/' + name).read()) for name in ('keys', 'sysvipc/shm', 'sysvipc/msg')]]
def clean():
    for get, control in ((libc.shmget, libc.shmctl), (libc.msgget, libc.msgctl)):
        control(get(KEY, 0, 0), 0, None)
    libc.semctl(libc.semget(KEY, 0, 0), 0, 0)
    libc.mq_unlink(b'/' + NAME), libc.shm_unlink(b'/' + NAME), libc.sem_unlink(b'/' + NAME)
    for ring in KEYRINGS:
        libc.syscall(CONTROL, 9, libc.syscall(CONTROL, 10, ring, b'user', NAME, 0), ring)
"""
"""System V and POSIX shared memory, semaphores and queues; keyrings."""

FILES = """
FOLDERS = ('.', '/', '/tmp', '/dev/shm', '/dev', '/w', '/run', '/var/tmp', '/usr/tmp', '/opt', '/opt/alphadial/guest',
           '/usr/lib/python3/dist-packages', '/proc', '/sys/fs/cgroup', '/sys/fs/cgroup/memory')
SHARED = ('/dev/shm', '/usr/bin/env', '/opt/alphadial/guest', '/w', '/tmp')
def write(folder):
    with open(folder + '/' + LEFT, 'w') as file:
        file.write(LEFT)
    os.mkdir(folder + '/' + LEFT + '.d')
def leave():
    for folder in FOLDERS:
        attempt(write, folder)
    for path in SHARED:
        attempt(os.setxattr, path, 'user.note', b'x')
        attempt(os.chmod, path, 0o4711)
        attempt(os.utime, path, (1, 1))
def seen(path):
    found = os.stat(path)
    return [stat.S_IMODE(found.st_mode), found.st_mtime == 1, attempt(os.getxattr, path, 'user.note') == b'x']
def look():
    names = [[name for name in attempt(os.listdir, folder) if name.startswith(LEFT)] for folder in FOLDERS]
    return [names, [attempt(seen, path) for path in SHARED]]
def clean():
    for folder in FOLDERS:
        attempt(os.unlink, folder + '/' + LEFT)
        attempt(os.rmdir, folder + '/' + LEFT + '.d')
"""
"""Files, folders, modes, times and attributes wherever a program might write."""

DEVICES = """
def leave():
    for name in os.listdir('/dev'):
        attempt(os.utime, '/dev/' + name)
"""
"""Times of the devices, which all may write to."""

PROCESS = """
SETTINGS = ('kernel/hostname', 'kernel/domainname', 'kernel/shmmax', 'kernel/msgmax', 'fs/mqueue/msg_max',
            'kernel/random/write_wakeup_threshold')
PRIORITY = {'x86_64': (251, 252), 'aarch64': (30, 31)}.get(platform.machine(), (-1, -1))
def stay():
    if background():
        time.sleep(3)
        os._exit(0)
def leave():
    for which in (os.PRIO_PROCESS, os.PRIO_PGRP, os.PRIO_USER):
        attempt(os.setpriority, which, 0, 7)
    for which in (1, 2, 3):
        libc.syscall(PRIORITY[0], which, 0, (2 << 13) | 5)
    for pid in (0, os.getppid()):
        attempt(os.sched_setaffinity, pid, {min(os.sched_getaffinity(0))})
    for descriptor in (0, 1, 2):
        attempt(fcntl.fcntl, descriptor, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)
        attempt(fcntl.fcntl, descriptor, 10, 33)  # F_SETSIG
    attempt(socket.sethostname, LEFT)
    for name in SETTINGS:
        attempt(lambda: open('/proc/sys/' + name, 'w').write('77'))
    for name in ('oom_score_adj', 'timerslack_ns', 'comm'):
        attempt(lambda: open(f'/proc/{os.getppid()}/{name}', 'w').write('77'))
    os.umask(0o123)
    os.environ[LEFT] = 'x'
    attempt(stay)
def look():
    mask = os.umask(0)
    os.umask(mask)
    numbers = attempt(os.listdir, '/proc')
    return [os.getpriority(os.PRIO_PROCESS, 0), libc.syscall(PRIORITY[1], 1, 0), mask, socket.gethostname(),
            sorted(os.sched_getaffinity(0)), LEFT in os.environ, libc.prctl(30, 0, 0, 0, 0),
            [attempt(fcntl.fcntl, number, fcntl.F_GETFL) for number in (0, 1, 2)],
            [attempt(fcntl.fcntl, number, 11) for number in (0, 1, 2)],
            len([name for name in numbers if name.isdigit()]),
            [attempt(lambda: open('/proc/sys/' + name).read()) for name in SETTINGS]]
"""
"""Priorities, flags of descriptors, names and settings of the kernel, processes that stay."""

LOCKS = """
PLACES = ('/usr/bin/env', '/usr/lib', '/dev/null', '/proc/version', sys.executable)
AT = 4242
def leave():
    held = []
    for path in PLACES:
        file = attempt(os.open, path, os.O_RDONLY)
        attempt(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        attempt(fcntl.lockf, file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, AT)
        attempt(fcntl.fcntl, file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        held.append(file)
    writable = attempt(os.open, '/dev/null', os.O_RDWR)
    attempt(fcntl.lockf, writable, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, AT)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        for path in PLACES:
            attempt(os.close, attempt(os.open, path, os.O_RDONLY))
        time.sleep(0.02)
def seen():
    found = []
    for path in PLACES:
        file = attempt(os.open, path, os.O_RDONLY)
        if attempt(fcntl.flock, file, fcntl.LOCK_SH | fcntl.LOCK_NB) == 'BlockingIOError':
            found.append('flock ' + path)
        asked = attempt(fcntl.fcntl, file, fcntl.F_GETLK, struct.pack('hhqqi', fcntl.F_WRLCK, 0, AT, 1, 0))
        if isinstance(asked, bytes) and struct.unpack_from('h', asked)[0] != fcntl.F_UNLCK:
            found.append('lockf ' + path)
        attempt(os.close, file)
    return found
def look():
    watch = libc.inotify_init1(os.O_NONBLOCK)
    for path in PLACES:
        libc.inotify_add_watch(watch, path.encode(), 0x20)  # IN_OPEN
    time.sleep(0.5)
    opened = isinstance(attempt(os.read, watch, 4096), bytes)
    end = time.monotonic() + 0.5
    while not (found := seen()) and time.monotonic() < end:
        time.sleep(0.02)
    return found + ['opened'] * opened
"""
"""Locks, leases and watches on files that all programs see: held while another program runs."""

COUNTERS = """
def numbers(count):
    made = []
    for _ in range(count):
        read, write = os.pipe()
        made.append(os.fstat(read).st_ino)
        os.close(read)
        os.close(write)
    return max(made)
def leave(): return numbers(6000)
def look(): return numbers(2200)
"""
"""The kernel numbers pipes, sockets and files in memory one after the other, whoever makes them."""
