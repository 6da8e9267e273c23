"""What a call cost and why."""

from decimal import Context, Decimal
from typing import Any, Dict, List

from . import _native

lib = _native.lib


# The host's decimal context may round to fewer digits than an amount has.
EXACT = Context(prec=60)


def money(nano: int) -> Decimal:
    """An amount in units of its currency, exactly."""
    return EXACT.scaleb(Decimal(nano), -9)


class Receipt(Dict[str, Any]):
    """The receipt as the library wrote it, a dict; str() is its one-line summary."""

    summary: str = ""

    @classmethod
    def of(cls, response: Any) -> "Receipt":
        """The receipt of a response."""
        return cls.with_summary(_native.from_json(lib.response_receipt(response)), response)

    @classmethod
    def with_summary(cls, members: Dict[str, Any], response: Any) -> "Receipt":
        """The same, where it has been read already."""
        receipt = cls(members)
        receipt.summary = _native.text(lib.response_summary(response))
        return receipt

    def __str__(self) -> str:
        return self.summary

    @property
    def id(self) -> str:
        """The receipt's own id."""
        return str(self["id"])

    @property
    def status(self) -> str:
        """How the call ended: "OK" or a status such as "E_BUDGET"."""
        return str(self["status"])

    @property
    def cost_nano(self) -> int:
        """What the call cost, in 1e-9 of the currency. Every leg that was sent is in it."""
        return int(self["cost_nano"])

    @property
    def saved_nano(self) -> int:
        """What it saved against the baseline; negative when the policies cost more than they saved."""
        return int(self["saved_nano"])

    @property
    def cost(self) -> Decimal:
        """The cost in units of the currency."""
        return money(self.cost_nano)

    @property
    def saved(self) -> Decimal:
        """The saving in units of the currency."""
        return money(self.saved_nano)

    @property
    def currency(self) -> str:
        """The ledger's currency, such as "USD"."""
        return str(self["currency"])

    @property
    def lines(self) -> List[Dict[str, Any]]:
        """One line per leg that was sent, and one per cached answer."""
        return list(self["lines"])
