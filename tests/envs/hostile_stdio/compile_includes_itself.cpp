// Two includes of itself: two to the power of the depth that the compiler allows.
// expect: CE
#include __FILE__
#include __FILE__
int main() {}
