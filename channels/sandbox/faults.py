"""What is to go wrong at the provider, on demand: a plan that tests and the sandbox's door may set."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

MAX_FAULTS = 100
MOST = 1_000_000


class Mishap(StrEnum):
    """What may befall a webhook."""

    LOSE = "lose"  # it never leaves
    DOUBLE = "double"  # it comes twice
    DELAY = "delay"  # it comes much later
    SWAP = "swap"  # the next one of the kind overtakes it


class Trouble(StrEnum):
    """What may befall a request to the REST API."""

    REFUSE = "refuse"  # an error is answered, and nothing done
    FORGET = "forget"  # it is done, and an error is answered
    STALL = "stall"  # it is done, and nothing is answered for a while


@dataclass
class WebhookFault:
    """Befalls the next `times` webhooks whose path begins so."""

    path: str
    does: Mishap
    times: int = 1
    seconds: float = 30.0  # of a delay, and how long one that is overtaken waits at most


@dataclass
class RESTFault:
    """Befalls the next `times` requests of an operation ("" for any), as `create_message` or `update_call`."""

    operation: str
    does: Trouble = Trouble.REFUSE
    status: int = 503
    code: int = 20503
    times: int = 1
    seconds: float = 0.0  # real ones, of a stall
    retry_after: int = 0  # seconds, told with a 429; 0 tells nothing


Fault = TypeVar("Fault", WebhookFault, RESTFault)


@dataclass
class FaultPlan:
    """All that is to go wrong; each fault is used up."""

    webhooks: list[WebhookFault] = field(default_factory=list)
    rest: list[RESTFault] = field(default_factory=list)

    def of_webhook(self, path: str) -> WebhookFault | None:
        """Return what befalls this webhook."""
        found = next((one for one in self.webhooks if path.startswith(one.path)), None)
        return _used(self.webhooks, found)

    def of_request(self, operation: str) -> RESTFault | None:
        """Return what befalls this request."""
        found = next((one for one in self.rest if one.operation in ("", operation)), None)
        return _used(self.rest, found)

    def shown(self) -> dict[str, Any]:
        return {
            "rest": [vars(one) | {"does": one.does.value} for one in self.rest],
            "webhooks": [vars(one) | {"does": one.does.value} for one in self.webhooks],
        }

    @classmethod
    def read(cls, wanted: dict[str, Any]) -> "FaultPlan":
        """Return the plan that a JSON object describes. Raises ValueError with a sentence."""
        unknown = set(wanted) - {"rest", "webhooks"}
        if unknown:
            raise ValueError(f"a plan has `rest` and `webhooks`, not `{min(unknown)}`")
        try:
            webhooks = [WebhookFault(**one | {"does": Mishap(one["does"])}) for one in wanted.get("webhooks", [])]
            rest = [RESTFault(**one | {"does": Trouble(one.get("does", "refuse"))}) for one in wanted.get("rest", [])]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a fault cannot be read: {error}") from None
        plan = cls(webhooks, rest)
        if len(webhooks) + len(rest) > MAX_FAULTS or not (all(map(_is_sane, webhooks)) and all(map(_is_sane, rest))):
            raise ValueError(f"a plan has at most {MAX_FAULTS} faults, with numbers for numbers and words for words")
        return plan


def _used(faults: list[Fault], found: Fault | None) -> Fault | None:
    if found is not None:
        found.times -= 1
        if found.times <= 0:
            faults.remove(found)
    return found


def _is_sane(fault: WebhookFault | RESTFault) -> bool:
    values = dict(vars(fault))
    words = [values.pop(name) for name in ("path", "operation") if name in values]
    del values["does"]
    sane = all(isinstance(one, int | float) and 0 <= one <= MOST for one in values.values())
    return sane and all(isinstance(one, str) for one in words) and 400 <= values.get("status", 400) <= 599
