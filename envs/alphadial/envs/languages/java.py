"""Java by OpenJDK, with the flags of Kattis."""

from ..types import MIB
from .language import Language

_JVM = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto")

LANGUAGE = Language(
    name="java",
    extensions=(".java",),
    compile=("javac", *(f"-J{flag}" for flag in _JVM), "-nowarn", "-encoding", "UTF-8", "-d", ".", "{sources}"),
    run=("java", *_JVM, "-Dfile.encoding=UTF-8", "-Xss64m", "-Xmx{memory_mib}m", "-cp", ".", "{stem}"),
    self_test="""class Main {
    public static void main(String[] arguments) {
        System.out.println(2 * new java.util.Scanner(System.in).nextLong());
    }
}
""",
    package="default-jdk-headless",
    artefacts="*.class",
    main="Main",
    own_memory_bytes=320 * MIB,
    own_processes=64,
    memory_errors="java.lang.OutOfMemoryError",
)
