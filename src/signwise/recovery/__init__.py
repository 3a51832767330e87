"""Low-rank matrices from few, grossly corrupted measurements, with the rank unknown."""

from ._dense import Dense as Dense
from ._dense import RankOne as RankOne
from ._descent import StepRecord as StepRecord
from ._hadamard import Hadamard as Hadamard
from ._low_rank import RobustLowRank as RobustLowRank
from ._operator import LinearOperator as LinearOperator
from ._operator import estimate_gain as estimate_gain
from ._pca import robust_pca as robust_pca
from ._report import Diagnostics as Diagnostics
from ._sensing import RobustMatrixSensing as RobustMatrixSensing
from ._sharded import Sharded as Sharded
from ._sign_rip import SignRIPFamily as SignRIPFamily
from ._sign_rip import phi_outliers as phi_outliers
from ._sign_rip import sign_rip as sign_rip
from ._sparse import Mask as Mask
from ._sparse import Sparse as Sparse
from ._subgm import SubGMResult as SubGMResult
from ._subgm import subgm as subgm

__all__ = [
    "Dense",
    "Diagnostics",
    "Hadamard",
    "LinearOperator",
    "Mask",
    "RankOne",
    "RobustLowRank",
    "RobustMatrixSensing",
    "Sharded",
    "SignRIPFamily",
    "Sparse",
    "StepRecord",
    "SubGMResult",
    "estimate_gain",
    "phi_outliers",
    "robust_pca",
    "sign_rip",
    "subgm",
]
