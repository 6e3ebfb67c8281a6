// Runs code that was never a file: a memfd, and pages written and then executed.
// expect: RTE
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

int main() {
    void *page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, "\xc3", 1);
    reinterpret_cast<void (*)()>(page)();
    int file = memfd_create("x", 0);
    const char script[] = "#!/bin/sh\necho nothing; exit 9\n";
    if (write(file, script, sizeof script - 1) < 0) return 1;
    char path[32], *arguments[] = {path, nullptr};
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    execv(path, arguments);
    return 1;
}
