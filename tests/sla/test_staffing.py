"""How many agents a target needs: Erlang's formulas against published figures, and the laws that they keep."""

import math
from pathlib import Path

import pytest

from sla.staffing import MOST_AGENTS, agents_needed, erlang_b, erlang_c, with_agents, with_impatience
from ticketing.errors import InvalidInput


def test_erlang_c_comes_to_what_others_have_published() -> None:
    """pyworkforce 0.1.0, the example of its page (https://pypi.org/project/pyworkforce/0.1.0/): 100 calls in half an
    hour of 3 minutes each, 80 % within 20 s, take 14 agents.
    """
    found = agents_needed(200, handle_seconds=180, target_seconds=20, share=0.8)

    assert found.agents == 14
    assert found.within_target == pytest.approx(0.8883500191794669, abs=1e-12)
    assert found.occupancy == pytest.approx(0.7142857142857143, abs=1e-12)
    assert erlang_c(14, 10) == pytest.approx(0.1741319335950498, abs=1e-12)


def test_erlang_a_comes_to_what_others_have_published() -> None:
    """Garnett, Mandelbaum and Reiman (2002), the comparison in their introduction: 50 agents, 48 calls a minute of one
    minute each; without abandonment a mean wait of 20.8 s and agents busy for 96 % of their time, with a mean patience
    of two minutes 3.1 % abandon, a wait of 3.7 s, and 93 %.
    """
    patient = with_agents(50, 48, handle_seconds=60, target_seconds=20)
    impatient = with_impatience(50, 48, handle_seconds=60, target_seconds=20, patience_seconds=120)

    assert (round(patient.mean_wait_seconds, 1), round(patient.occupancy, 2)) == (20.8, 0.96)
    assert (round(impatient.abandoned, 3), round(impatient.mean_wait_seconds, 1)) == (0.031, 3.7)
    assert round(impatient.occupancy, 2) == 0.93


def test_the_examples_of_the_page_are_true() -> None:
    page = (Path(__file__).parents[2] / "docs" / "replays.md").read_text()

    for patience, shown in ((None, "endless"), (120, "120 s")):
        found = agents_needed(200, handle_seconds=180, target_seconds=20, share=0.8, patience_seconds=patience)
        lost = f"{found.abandoned:.1%}".replace("%", " %") if patience else "nobody"
        in_time = f"{found.within_target:.1%}".replace("%", " %")
        assert f"| {shown} | {found.agents} | {in_time} | {found.mean_wait_seconds:.1f} s | {lost} |" in page


def test_few_agents_are_reckoned_as_by_hand() -> None:
    # One agent and nobody patient for longer than a call: births and deaths as in M/M/infinity, so Poisson.
    both_alike = with_impatience(3, 2, handle_seconds=60, target_seconds=0, patience_seconds=60)
    found_free = sum(math.exp(-2) * 2**there / math.factorial(there) for there in range(3))

    assert (erlang_b(1, 1), erlang_b(2, 1)) == (0.5, pytest.approx(0.2))
    assert erlang_c(1, 0.5) == pytest.approx(0.5)  # M/M/1: whoever comes waits as often as the agent is busy
    assert both_alike.within_target == pytest.approx(found_free, abs=1e-12)
    assert both_alike.abandoned == pytest.approx(
        sum(math.exp(-2) * 2**there / math.factorial(there) * (there - 3) for there in range(4, 60)) / 2, abs=1e-12
    )


def test_the_share_in_time_is_what_the_waits_add_up_to() -> None:
    """One agent, a wait of `k` calls and one's own patience, put together by summing over a fine grid of time."""
    agents, load, patience, target = 1, 0.9, 2.0, 1.5  # in handling times
    found = with_impatience(agents, load, handle_seconds=1, target_seconds=target, patience_seconds=patience)

    weights = [1.0]
    for there in range(1, 200):
        weights.append(weights[-1] * load / (1 + (there - 1) / patience))
    total = sum(weights)
    in_time = weights[0] / total
    steps = 3000
    step = target / steps
    ahead = [1.0] + [0.0] * 60  # the chance that so many are still before one, of whom one is being served
    for queue in range(60):
        ahead = [0.0] * (queue + 1) + [1.0]
        served = 0.0
        for number in range(steps):
            leaving = [0.0] + [1 + (there - 1) / patience for there in range(1, queue + 2)]
            moved = [ahead[there] * leaving[there] * step for there in range(queue + 2)]
            served += moved[1] * math.exp(-(number + 0.5) * step / patience)
            ahead = [
                ahead[there] - moved[there] + (moved[there + 1] if there <= queue else 0.0)
                for there in range(queue + 2)
            ]
        in_time += weights[queue + 1] / total * served
        if weights[queue + 1] / total < 1e-7:
            break

    assert found.within_target == pytest.approx(in_time, abs=2e-4)


def test_nothing_grows_out_of_hand() -> None:
    for load in (0.01, 1, 30, 300, 3000):
        for patience in (None, 1, 300, 7200):
            found = agents_needed(
                load * 20, handle_seconds=180, target_seconds=20, share=0.8, patience_seconds=patience
            )

            assert 0.8 <= found.within_target <= 1, (load, patience)
            assert 0 <= found.abandoned < 0.21, (load, patience)
            assert 0 < found.occupancy <= 1, (load, patience)


def test_one_agent_fewer_is_too_few_and_impatience_needs_no_more() -> None:
    patient = agents_needed(200, handle_seconds=180, target_seconds=20, share=0.8)
    impatient = agents_needed(200, handle_seconds=180, target_seconds=20, share=0.8, patience_seconds=120)

    fewer = with_agents(patient.agents - 1, 10, handle_seconds=180, target_seconds=20)
    least = with_impatience(impatient.agents - 1, 10, handle_seconds=180, target_seconds=20, patience_seconds=120)

    assert fewer.within_target < 0.8
    assert least.within_target < 0.8
    assert impatient.agents <= patient.agents


def test_who_is_endlessly_patient_is_as_if_nobody_gave_up() -> None:
    patient = with_agents(14, 10, handle_seconds=180, target_seconds=20)
    nearly = with_impatience(14, 10, handle_seconds=180, target_seconds=20, patience_seconds=86_400 * 365)

    assert nearly.within_target == pytest.approx(patient.within_target, abs=1e-4)
    assert nearly.mean_wait_seconds == pytest.approx(patient.mean_wait_seconds, rel=1e-3)


def test_nobody_comes_and_too_many_come() -> None:
    assert agents_needed(0, handle_seconds=180, target_seconds=20, share=0.8).agents == 0
    with pytest.raises(InvalidInput, match=f"the most is {MOST_AGENTS}"):
        agents_needed(10**9, handle_seconds=86_400, target_seconds=0, share=0.8)
    with pytest.raises(InvalidInput, match="take more than 5000 agents"):
        agents_needed(3600 * 4999.9, handle_seconds=1, target_seconds=0, share=0.999)
    assert with_agents(9, 10, handle_seconds=180, target_seconds=20).within_target == 0
