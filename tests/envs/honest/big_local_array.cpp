// 64 MiB on the stack.
#include <iostream>

long long sum() {
    volatile long long here[8 << 20];
    int n;
    std::cin >> n;
    for (int i = 0; i < n; i++) {
        long long x;
        std::cin >> x;
        here[(long long)i * 4096 % (8 << 20)] = x;
        here[0] = i ? here[0] + x : x;
    }
    return here[0];
}

int main() { std::cout << sum() << std::endl; }
