// Takes and touches memory until there is none; a failed allocation does not stop it.
// expect: MLE
#include <cstdlib>
#include <cstring>

int main() {
    for (;;)
        if (char *block = static_cast<char *>(malloc(1 << 20))) memset(block, 1, 1 << 20);
}
