// Millions of small allocations, never freed, and a large hash table.
#include <iostream>
#include <unordered_map>

int main() {
    std::ios::sync_with_stdio(false);
    std::unordered_map<long long, long long *> held;
    long long n, x, total = 0;
    std::cin >> n;
    for (int i = 0; std::cin >> x; i++) {
        for (int copy = 0; copy < 100; copy++) held[i * 100 + copy] = new long long(x);
        total += *held[i * 100 + 99];
    }
    std::cout << total << '\n';
}
