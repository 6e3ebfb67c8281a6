// Forks in every process, for ever.
// expect: TLE
#include <unistd.h>

int main() {
    for (;;) fork();
}
