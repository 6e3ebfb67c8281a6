// Answers and leaves before main begins, with a status that says nothing.
// expect: WA
#include <unistd.h>

__attribute__((constructor)) static void first() {
    if (write(1, "accepted\n", 9)) _exit(0);
}

int main() {}
