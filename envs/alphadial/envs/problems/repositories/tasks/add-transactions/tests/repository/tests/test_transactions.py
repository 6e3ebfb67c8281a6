from keepsake import Store
from keepsake.script import run


def test_rollback():
    store = Store()
    store.set("a", 1)
    store.begin()
    store.set("a", 2)
    store.set("b", 3)
    assert (store.get("a"), store.get("b")) == (2, 3)
    store.rollback()
    assert (store.get("a"), store.get("b")) == (1, None)


def test_commit():
    store = Store()
    store.begin()
    store.set("a", 2)
    store.commit()
    assert store.get("a") == 2


def test_a_deleted_name_comes_back():
    store = Store()
    store.set("a", 1)
    store.begin()
    store.delete("a")
    assert store.names() == []
    store.rollback()
    assert store.names() == ["a"]


def test_nested():
    store = Store()
    store.begin()
    store.set("a", 1)
    store.begin()
    store.set("a", 2)
    store.rollback()
    assert store.get("a") == 1
    store.commit()
    assert store.get("a") == 1


def test_scripts():
    assert run(["BEGIN", "SET a 1", "ROLLBACK", "GET a"]) == ["ok", "ok", "ok", None]
