// Prints from the destructor of a global.
#include <iostream>

struct Last {
    long long total = 0;
    ~Last() { std::cout << total << std::endl; }
} last;

int main() {
    int n;
    std::cin >> n;
    for (long long x; std::cin >> x;) last.total += x;
    return 0;
}
