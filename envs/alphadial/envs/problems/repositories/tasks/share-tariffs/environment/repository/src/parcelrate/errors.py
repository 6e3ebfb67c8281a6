"""What cannot be sent."""


class CannotSend(Exception):
    """Base of all errors."""


class UnknownZone(CannotSend):
    """Nothing of this kind goes there."""

    def __init__(self, kind, zone):
        super().__init__(f"no {kind} goes to {zone}")


class TooHeavy(CannotSend):
    """It weighs more than is taken."""

    def __init__(self, kind, limit):
        super().__init__(f"a {kind} weighs at most {limit} g")
