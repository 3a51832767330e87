"""Lion-K: optimizers whose weight decay is a constraint, with certificates that it holds."""

from ._bounds import effective_noise as effective_noise
from ._certificate import Certificate as Certificate
from ._forms import FrankWolfe as FrankWolfe
from ._forms import Lion as Lion
from ._forms import Muon as Muon
from ._forms import NormalizedSGD as NormalizedSGD
from ._forms import SignSGD as SignSGD
from ._forms import Signum as Signum
from ._forms import SmoothLion as SmoothLion
from ._forms import Tiger as Tiger
from ._groups import split_parameters as split_parameters
from ._lion_k import LionK as LionK
from ._monitor import CertificateMonitor as CertificateMonitor
from ._monitor import Entry as Entry
from ._monitor import History as History
from ._nonfinite import NonFiniteGradientError as NonFiniteGradientError
from ._precision import stochastic_round as stochastic_round
from ._step import Step as Step
from ._step import lion_k_step as lion_k_step
from ._vote_step import mean_momentum as mean_momentum

__all__ = [
    "Certificate",
    "CertificateMonitor",
    "Entry",
    "FrankWolfe",
    "History",
    "Lion",
    "LionK",
    "Muon",
    "NonFiniteGradientError",
    "NormalizedSGD",
    "SignSGD",
    "Signum",
    "SmoothLion",
    "Step",
    "Tiger",
    "effective_noise",
    "lion_k_step",
    "mean_momentum",
    "split_parameters",
    "stochastic_round",
]
