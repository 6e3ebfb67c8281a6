// Ends its loop by an exception, and leaves by exit.
#include <cstdlib>
#include <iostream>

int main() {
    long long n, total = 0;
    std::cin.exceptions(std::ios::failbit | std::ios::eofbit);
    std::cin >> n;
    try {
        for (long long x;; total += x) std::cin >> x;
    } catch (const std::ios::failure &) {
    }
    std::cout << total;
    exit(EXIT_SUCCESS);
}
