# expect: RTE
# gvisor: WA
# There the gate leads to its own kernel, which knows no such call.
# needs: x86_64
# A system call by the 32-bit gate, where numbers mean other calls: killed.
import ctypes
import mmap


def f(host):
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000" "cd80" "c3"))  # mov eax, 20 (getpid); int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return [ctypes.CFUNCTYPE(ctypes.c_int)(address)()]
