// stdout and stderr by turns, faster than anybody reads.
// expect: OLE
#include <unistd.h>

int main() {
    static char block[1 << 16];
    while (write(1, block, sizeof block) > 0 && write(2, block, sizeof block) > 0) {}
}
