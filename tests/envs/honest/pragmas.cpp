// The pragmas and headers that contestants paste.
#pragma GCC optimize("O3,unroll-loops")
#include <bits/stdc++.h>
using namespace std;

int main() {
    ios_base::sync_with_stdio(0);
    cin.tie(0);
    mt19937_64 random(chrono::steady_clock::now().time_since_epoch().count());
    int n;
    cin >> n;
    vector<long long> a(n);
    for (auto &x : a) cin >> x;
    shuffle(a.begin(), a.end(), random);
    cout << reduce(a.begin(), a.end()) << endl;
}
