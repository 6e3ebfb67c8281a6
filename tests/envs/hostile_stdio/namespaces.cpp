// New namespaces by the raw calls.
// expect: AC
// gvisor: WA clone
// Its kernel makes them itself, so they are no way to the host's.
// needs: x86_64
#include <cerrno>
#include <cstdio>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

int main() {
    long made = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | 17, 0, 0, 0, 0);
    if (made == 0) _exit(0);
    if (made > 0) return puts("clone"), 0;
    unsigned long long arguments[11] = {CLONE_NEWUSER | CLONE_NEWNET, 0, 0, 0, 17};
    made = syscall(435, arguments, sizeof arguments);
    if (made == 0) _exit(0);
    puts(made > 0 ? "clone3" : "nothing");
}
