"""What to say of a probability, given what errors cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Decision = Literal["positive", "negative", "abstain"]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Costs of saying the wrong thing, and of saying nothing.

    The decision of least expected cost is taken: with p⁺ the probability of a positive sign and p⁻ = 1 - p⁺, saying
    "positive" costs p⁻·miss, saying "negative" p⁺·alarm, and abstaining ``abstain``. So "negative" is said if
    p⁻·miss > p⁺·alarm, that is above a probability of alarm/(miss + alarm), unless abstaining is cheaper.

    Args:
        miss: of forecasting a positive sign where a negative one comes.
        alarm: of forecasting a negative sign where a positive one comes.
        abstain: of leaving the pair to a person; infinite by default, so that it is never done.

    Example:
        >>> from signwise.graph import Costs
        >>> costs = Costs(miss=5.0, alarm=1.0, abstain=0.5)
        >>> [costs.decide(p) for p in (0.95, 0.85, 0.3)]
        ['positive', 'abstain', 'negative']
    """

    miss: float = 1.0
    alarm: float = 1.0
    abstain: float = math.inf

    def __post_init__(self) -> None:
        for name in ("miss", "alarm"):
            value = getattr(self, name)
            if not (0 < value < math.inf):
                raise ValueError(f"{name} is {value}; expected a positive cost")
        if not self.abstain >= 0:
            raise ValueError(f"abstain is {self.abstain}; expected a cost of at least 0")

    def decide(self, probability: float) -> Decision:
        """The cheapest thing to say; "positive" before "negative" before "abstain" where costs are equal.

        Args:
            probability: of a positive sign, in [0, 1].

        Raises:
            ValueError: it is no probability.
        """
        if not 0 <= probability <= 1:
            raise ValueError(f"probability is {probability}; expected a number in [0, 1]")
        miss, alarm = (1 - probability) * self.miss, probability * self.alarm
        if self.abstain < min(miss, alarm):
            return "abstain"
        return "negative" if miss > alarm else "positive"
