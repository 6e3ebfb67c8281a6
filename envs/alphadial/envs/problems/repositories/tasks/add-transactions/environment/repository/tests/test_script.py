from keepsake.script import run


def test_commands():
    assert run(["SET a 1", "ADD a 4", "GET a", "DELETE a", "GET a", "names"]) == ["ok", 5, 5, True, None, []]


def test_errors():
    assert run(["SET a b", "ADD a 4", "FLY", "ADD a b"]) == [
        "ok",
        "error: the value of a is no whole number",
        "error: no command 'FLY'",
        "error: ADD does not take 'a b'",
    ]


def test_changes():
    assert run(["SET a 1", "SET b 1"], watch="a") == ["!a: None -> 1", "ok", "ok"]
