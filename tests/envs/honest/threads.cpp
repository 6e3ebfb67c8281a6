// std::thread and std::async.
#include <future>
#include <iostream>
#include <numeric>
#include <thread>
#include <vector>

int main() {
    int n;
    std::cin >> n;
    std::vector<long long> numbers(n);
    for (auto &x : numbers) std::cin >> x;
    auto half = numbers.begin() + n / 2;
    auto later = std::async(std::launch::async, [&] { return std::accumulate(numbers.begin(), half, 0LL); });
    long long rest = 0;
    std::thread thread([&] { rest = std::accumulate(half, numbers.end(), 0LL); });
    thread.join();
    std::cout << later.get() + rest << "\n";
}
