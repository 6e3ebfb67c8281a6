"""C++ by g++."""

from .language import Language

LANGUAGE = Language(
    name="cpp",
    title="C++",
    tags=("cpp", "c++", "cc", "cxx", "gnu++", "g++"),
    extensions=(".cpp", ".cc", ".cxx", ".c++", ".C"),
    compile=(
        *("g++", "-std=gnu++20", "-O2", "-DONLINE_JUDGE", "-pipe", "-s", "-w", "-fmax-errors=5"),
        *("-o", "program.out", "{sources}"),
    ),
    run=("./program.out",),
    self_test="#include <iostream>\nint main() { long n; std::cin >> n; std::cout << 2 * n << std::endl; }\n",
    package="g++",
    artefacts="program.out",
    also=(".c",),
)
