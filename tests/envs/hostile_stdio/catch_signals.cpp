// Deaf to every signal that can be ignored.
// expect: TLE
#include <csignal>

int main() {
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    for (;;) {}
}
