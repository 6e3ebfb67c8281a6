"""Java by OpenJDK, with the flags of Kattis."""

from collections.abc import Mapping

from ..types import MIB
from .language import Language

_JVM = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto")


def main_class(classes: Mapping[str, bytes], stem: str) -> str:
    """The class whose ``main`` to run: one called ``stem`` if it has one, else Main, else the first by name."""
    starts = [name for name, code in classes.items() if b"main" in code and b"([Ljava/lang/String;)V" in code]
    names = [name.removesuffix(".class").replace("/", ".") for name in starts]
    return min(names, key=lambda name: (name.split(".")[-1] != stem, name.split(".")[-1] != "Main", name), default=stem)


LANGUAGE = Language(
    name="java",
    extensions=(".java",),
    compile=("javac", *(f"-J{flag}" for flag in _JVM), "-nowarn", "-encoding", "UTF-8", "-d", ".", "{sources}"),
    run=(
        *("java", *_JVM, "-Dfile.encoding=UTF-8", "-DONLINE_JUDGE=true", "-Xss64m", "-Xmx{memory_mib}m"),
        *("-cp", ".", "{stem}"),
    ),
    self_test="""class Main {
    public static void main(String[] arguments) {
        System.out.println(2 * new java.util.Scanner(System.in).nextLong());
    }
}
""",
    package="default-jdk-headless",
    artefacts="*.class",
    entry=main_class,
    main="Main",
    own_memory_bytes=320 * MIB,
    own_processes=64,
    memory_errors="java.lang.OutOfMemoryError: Java heap space",
)
