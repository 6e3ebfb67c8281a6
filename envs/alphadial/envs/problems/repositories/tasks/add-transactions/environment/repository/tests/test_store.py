import pytest
from keepsake import NotANumber, Store


def test_what_was_set():
    store = Store()
    store.set("a", "1")
    assert store.get("a") == "1"
    assert store.get("b") is None


def test_delete():
    store = Store()
    store.set("a", 1)
    assert store.delete("a") is True
    assert store.delete("a") is False
    assert store.get("a") is None


def test_add():
    store = Store()
    assert store.add("n", 2) == 2
    assert store.add("n", -5) == -3


def test_add_to_a_word():
    store = Store()
    store.set("n", "two")
    with pytest.raises(NotANumber, match="value of n"):
        store.add("n", 1)


def test_names_end():
    store = Store()
    store.set("a", 1, lasts=2)
    store.set("b", 1)
    store.tick()
    assert store.lasts("a") == 1
    assert store.names() == ["a", "b"]
    store.tick()
    assert store.get("a") is None
    assert store.lasts("a") is None
    assert store.names() == ["b"]


def test_a_new_value_may_last_for_ever():
    store = Store()
    store.set("a", 1, lasts=2)
    store.add("a", 1)
    assert store.lasts("a") == 2
    store.set("a", 5)
    assert store.lasts("a") is None


def test_names_by_prefix():
    store = Store()
    for name in ("user:2", "user:1", "page:1"):
        store.set(name, 0)
    assert store.names("user:") == ["user:1", "user:2"]
