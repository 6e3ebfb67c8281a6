"""Java by OpenJDK, with the flags of Kattis."""

import re
from collections.abc import Mapping

from ..units import MIB
from .language import Language

_IGNORED = re.compile(r"//.*|/\*[\s\S]*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")
_PUBLIC_TYPE = re.compile(r"\bpublic\s+(?:[a-z]+\s+)*(?:class|interface|enum|record)\s+(\w+)|([{}])")
_JVM = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto")


def main_class(classes: Mapping[str, bytes], stem: str) -> str:
    """The class whose ``main`` to run: one called ``stem`` if it has one, else Main, else the first by name."""
    starts = [name for name, code in classes.items() if b"main" in code and b"([Ljava/lang/String;)V" in code]
    names = [name.removesuffix(".class").replace("/", ".") for name in starts]
    return min(names, key=lambda name: (name.split(".")[-1] != stem, name.split(".")[-1] != "Main", name), default=stem)


def public_type(source: str) -> str | None:
    """The public type outside all others, after which its file must be called."""
    depth = 0
    for found in _PUBLIC_TYPE.finditer(_IGNORED.sub(" ", source)):
        if found[1] and depth == 0:
            return found[1]
        depth += {"{": 1, "}": -1}.get(found[2] or "", 0)
    return None


LANGUAGE = Language(
    name="java",
    title="Java",
    tags=("java",),
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
    main_of=public_type,
    own_memory_bytes=320 * MIB,
    own_processes=64,
    memory_errors="java.lang.OutOfMemoryError: Java heap space",
)
