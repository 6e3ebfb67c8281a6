from keepsake import Store


def test_changes_are_told():
    store, told = Store(), []
    store.watch("user:", lambda *change: told.append(change))
    store.set("user:1", "Ada")
    store.set("page:1", "Home")
    store.set("user:1", "Ada")
    store.set("user:1", "Eve")
    store.delete("user:1")
    assert told == [("user:1", None, "Ada"), ("user:1", "Ada", "Eve"), ("user:1", "Eve", None)]
