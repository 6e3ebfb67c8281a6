"""C by gcc."""

from .language import Language

LANGUAGE = Language(
    name="c",
    title="C",
    tags=("c",),
    extensions=(".c",),
    compile=(
        *("gcc", "-std=gnu17", "-O2", "-DONLINE_JUDGE", "-pipe", "-s", "-w", "-fmax-errors=5"),
        *("-o", "program.out", "{sources}", "-lm"),
    ),
    run=("./program.out",),
    self_test='#include <stdio.h>\nint main(void) { long n; scanf("%ld", &n); printf("%ld\\n", 2 * n); return 0; }\n',
    package="gcc libc6-dev",
    artefacts="program.out",
)
