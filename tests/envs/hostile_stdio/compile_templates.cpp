// Messages without end, of templates that hold templates.
// expect: CE
template <int N, class T> struct Deep { typename Deep<N - 1, Deep<N, T>>::Type x; };
template <class T> struct Deep<0, T> { typename T::Missing x; };
Deep<800, int> d;
int main() {}
