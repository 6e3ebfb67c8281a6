// Traces its first process, itself as seen by a child, and writes into both.
// expect: AC
#include <cstdio>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

int main() {
    if (ptrace(PTRACE_ATTACH, 1, 0, 0) == 0 || ptrace(PTRACE_SEIZE, 1, 0, 0) == 0) return puts("init"), 0;
    long word = 0;
    iovec ours = {&word, 8}, theirs = {reinterpret_cast<void *>(0x400000), 8};
    if (process_vm_readv(1, &ours, 1, &theirs, 1, 0) > 0) return puts("memory"), 0;
    puts("nothing");
}
