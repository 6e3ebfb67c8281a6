# Opens its streams by their names.
with open("/dev/stdin") as lines, open("/dev/stderr", "w") as words, open("/dev/stdout", "w") as out:
    n, *numbers = map(int, lines.read().split())
    print(n, "numbers", file=words)
    print(sum(numbers), file=out)
