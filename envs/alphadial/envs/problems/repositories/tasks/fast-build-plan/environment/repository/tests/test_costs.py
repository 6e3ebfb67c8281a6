from brix import cost, longest, parse, stale

RULES = parse("app: lib docs main.c 5\nlib: core 3\ndocs: 1\ncore: 2\n")


def test_cost():
    assert cost(["app"], RULES) == 11
    assert cost(["lib", "docs"], RULES) == 6


def test_longest():
    assert longest("app", RULES) == (10, ["core", "lib", "app"])


def test_stale():
    assert stale({"core"}, ["app"], RULES) == ["core", "lib", "app"]
    assert stale({"main.c"}, ["app"], RULES) == ["main.c", "app"]
    assert stale(set(), ["app"], RULES) == []
