// The kernel's other doors: calls of 32 bits, and of x32.
// expect: RTE
// gvisor: AC
// needs: x86_64
#include <cstdio>
#include <sys/syscall.h>
#include <unistd.h>

int main() {
    syscall(0x40000000 + 39);
    long result = 20;
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    puts(result == getpid() ? "gate" : "nothing");
}
