// Memory that no process owns: shared mappings, kept by descriptors alone.
// expect: MLE
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

int main() {
    for (;;) {
        int file = memfd_create("x", 0);
        if (ftruncate(file, 4 << 20)) return 1;
        void *shown = mmap(nullptr, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (shown == MAP_FAILED) return 1;
        memset(shown, 1, 4 << 20);
        munmap(shown, 4 << 20);
    }
}
