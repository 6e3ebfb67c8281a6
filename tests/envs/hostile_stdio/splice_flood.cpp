// Output that never passes through the program.
// expect: OLE
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

int main() {
    int file = open("big", O_RDWR | O_CREAT, 0600);
    if (ftruncate(file, 3 << 20)) return 1;
    for (;;) {
        off_t at = 0;
        if (sendfile(1, file, &at, 3 << 20) <= 0) return 1;
    }
}
