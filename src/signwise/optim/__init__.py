"""Lion-K: optimizers whose weight decay is a constraint, with certificates that it holds."""

from ._bounds import effective_noise as effective_noise
from ._certificate import Certificate as Certificate
from ._lion_k import LionK as LionK
from ._nonfinite import NonFiniteGradientError as NonFiniteGradientError
from ._precision import stochastic_round as stochastic_round
from ._step import Step as Step
from ._step import lion_k_step as lion_k_step

__all__ = [
    "Certificate",
    "LionK",
    "NonFiniteGradientError",
    "Step",
    "effective_noise",
    "lion_k_step",
    "stochastic_round",
]
