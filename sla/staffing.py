"""How many agents does a target need? Erlang's formulas for people who wait for one of several agents. Pure.

Load is in erlangs: arrivals by mean handling time, the number of agents who would be busy if nobody ever waited.
Erlang C lets everybody wait for as long as it takes; Erlang A knows that some give up. What both assume, and where it
does not hold, is said in ASSUMPTIONS: they go out with every answer.

Sources: A. K. Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
exchanges" (1917); O. Garnett, A. Mandelbaum, M. Reiman, "Designing a call center with impatient customers" (2002);
A. Mandelbaum, S. Zeltyn, "Service engineering in action: the Palm/Erlang-A queue" (2007).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from math import ceil, exp, expm1, lgamma, log

from ticketing.errors import InvalidInput

MOST_AGENTS = 5000
NEGLIGIBLE = 1e-18  # of the likeliest state
ROUNDING = 1e-12  # what is left of a sum of such figures when it should be nothing

ASSUMPTIONS = (
    "Customers come at random, independently of each other, at an even rate within the hour.",
    "Handling times vary around their mean as an exponential distribution does.",
    "Each agent handles one customer at a time and is free for the next at once; breaks, meetings and other work come "
    "on top.",
    "Who came first is answered first, and every agent can handle everybody.",
    "Each hour is reckoned for itself, as if it had always been like this; what is left over from a busy hour is not "
    "carried into the next. So this is for calls and chats; messages may wait for a quieter hour, and need fewer.",
)
NOBODY_GIVES_UP = "Nobody gives up, however long the wait (Erlang C); where people do, fewer agents are enough."
SOME_GIVE_UP = (
    "Whoever waits gives up after a time that varies around its mean as an exponential distribution does (Erlang A); "
    "whoever gave up was not answered in time, and does not come again."
)


@dataclass(frozen=True)
class Staffing:
    """What a number of agents comes to.

    `within_target` is the share of those who come that are answered within the target; `mean_wait_seconds` is of all
    who come; `abandoned` is the share that gives up; `occupancy` is the share of their time for which agents are busy.
    """

    agents: int
    within_target: float
    mean_wait_seconds: float
    abandoned: float
    occupancy: float


def agents_needed(
    arrivals_per_hour: float,
    *,
    handle_seconds: float,
    target_seconds: float,
    share: float,
    patience_seconds: float | None = None,
) -> Staffing:
    """Return the smallest number of agents with which this share of the customers is answered within the target.

    `patience_seconds` is how long people wait on average before they give up; None: nobody does. No arrivals need
    nobody. Raises InvalidInput where it would take more than MOST_AGENTS.
    """
    load = arrivals_per_hour * handle_seconds / 3600
    if load <= 0:
        return Staffing(0, 1.0, 0.0, 0.0, 0.0)
    if load > MOST_AGENTS:
        raise InvalidInput(f"a load of {load:.0f} agents is more than is reckoned here; the most is {MOST_AGENTS}")
    if patience_seconds is None:
        found = next(
            (one for one in _erlang_c(load, handle_seconds, target_seconds) if one.within_target >= share), None
        )
    else:
        found = _fewest(load, handle_seconds, target_seconds, patience_seconds, share)
    if found is None:
        raise InvalidInput(f"{share:.0%} within {target_seconds:g} s take more than {MOST_AGENTS} agents")
    return found


def erlang_b(agents: int, load: float) -> float:
    """Return the share of customers who find all agents busy where nobody may wait.

    By Erlang's recursion, in which nothing grows: hundreds of agents are no trouble, as they would be for factorials.
    """
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(agents: int, load: float) -> float:
    """Return the share of customers who have to wait; 1 where there are too few agents ever to catch up."""
    return _waiting(agents, load, erlang_b(agents, load))


def with_agents(agents: int, load: float, *, handle_seconds: float, target_seconds: float) -> Staffing:
    """Return what so many agents come to by Erlang C; with too few of them nobody is answered in time in the end."""
    return _by_erlang_c(agents, load, erlang_b(agents, load), handle_seconds, target_seconds)


def with_impatience(
    agents: int, load: float, *, handle_seconds: float, target_seconds: float, patience_seconds: float
) -> Staffing:
    """Return what so many agents come to by Erlang A.

    Time is in mean handling times here. The numbers of customers who are there follow a chain of births and deaths,
    reckoned from its likeliest state outwards, so that no weight is ever large. Who comes when `k` wait already is
    answered within the target with the probability `c / (c + k + 1) * I(k + 1, c + 1)`, where `c` is the rate at which
    agents become free by the rate at which one customer gives up, and I is the regularised incomplete beta function at
    1 - exp(-target / patience): the wait is a sum of exponential times whose rates grow evenly.
    """
    impatience, target = handle_seconds / patience_seconds, target_seconds / handle_seconds
    weights = _weights(agents, load, impatience)
    total = sum(weight for _, weight in weights)
    waiting = [(there - agents, weight / total) for there, weight in weights if there >= agents]
    in_queue = sum(queue * weight for queue, weight in waiting)
    answered = chain(_answered_in_time(agents / impatience, impatience * target), repeat(0.0))
    late_or_lost = 0.0
    position = -1
    within = 1.0
    for queue, weight in waiting:
        while position < queue:
            position, within = position + 1, next(answered)
        late_or_lost += weight * (1 - within)
    abandoned = impatience * in_queue / load
    return Staffing(
        agents=agents,
        within_target=1 - late_or_lost,
        mean_wait_seconds=in_queue / load * handle_seconds,
        abandoned=abandoned,
        occupancy=load * (1 - abandoned) / agents,
    )


def _erlang_c(load: float, handle_seconds: float, target_seconds: float) -> Iterator[Staffing]:
    """Yield what each number of agents comes to, from the first that can keep up with the load on."""
    blocked = 1.0
    for agents in range(1, MOST_AGENTS + 1):
        blocked = load * blocked / (agents + load * blocked)
        if agents > load:
            yield _by_erlang_c(agents, load, blocked, handle_seconds, target_seconds)


def _by_erlang_c(agents: int, load: float, blocked: float, handle_seconds: float, target_seconds: float) -> Staffing:
    if agents <= load:
        return Staffing(agents, 0.0, float("inf"), 0.0, 1.0)
    waiting, spare = _waiting(agents, load, blocked), agents - load
    return Staffing(
        agents=agents,
        within_target=1 - waiting * exp(-spare * target_seconds / handle_seconds),
        mean_wait_seconds=waiting * handle_seconds / spare,
        abandoned=0.0,
        occupancy=load / agents,
    )


def _waiting(agents: int, load: float, blocked: float) -> float:
    return blocked / (1 - load / agents * (1 - blocked)) if agents > load else 1.0


def _fewest(load: float, handle: float, target: float, patience: float, share: float) -> Staffing | None:
    """Return the smallest number of agents by Erlang A, looked for by halves: each one more makes it better."""

    def come_to(agents: int) -> Staffing:
        return with_impatience(agents, load, handle_seconds=handle, target_seconds=target, patience_seconds=patience)

    # So many cannot answer this share at all, in time or late; `high` is perhaps enough.
    low = ceil(share * load) - 1
    high = min(ceil(load) + 1, MOST_AGENTS)
    while (found := come_to(high)).within_target < share:
        if high == MOST_AGENTS:
            return None
        low, high = high, min(2 * high, MOST_AGENTS)  # so impatient that most who wait are lost
    while high - low > 1:
        middle = (low + high) // 2
        tried = come_to(middle)
        if tried.within_target < share:
            low = middle
        else:
            high, found = middle, tried
    return found


def _weights(agents: int, load: float, impatience: float) -> list[tuple[int, float]]:
    """Return how likely each number of customers is beside the likeliest, which weighs 1, in order of their number."""

    def leaving(there: int) -> float:
        return min(there, agents) + max(0, there - agents) * impatience

    likeliest = int(load) if load <= agents else agents + int((load - agents) / impatience)
    below: list[tuple[int, float]] = []
    there, weight = likeliest, 1.0
    while there > 0 and weight > NEGLIGIBLE:
        weight *= leaving(there) / load
        there -= 1
        below.append((there, weight))
    above = [(likeliest, 1.0)]
    there, weight = likeliest, 1.0
    while weight > NEGLIGIBLE:
        there += 1
        weight *= load / leaving(there)
        above.append((there, weight))
    return [*reversed(below), *above]


def _answered_in_time(freed: float, given_up: float) -> Iterator[float]:
    """Yield the share of those that are answered in time who come when 0, 1, 2, … wait, until there is none.

    `freed` is c of `with_impatience`; `given_up` is the target by the mean patience.
    """
    b = freed + 1
    inside, log_u = -expm1(-given_up * b), log(-expm1(-given_up)) if given_up > 0 else 0.0
    queue = 0
    while inside > ROUNDING:
        yield freed / (freed + queue + 1) * inside
        queue += 1
        if given_up > 0:
            inside -= exp(queue * log_u - given_up * b + lgamma(queue + b) - lgamma(queue + 1) - lgamma(b))
