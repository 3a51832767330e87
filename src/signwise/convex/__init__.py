"""Convex functions with subgradients, conjugates and projections: the constraint behind a sign step."""

from ._algebra import Scaled as Scaled
from ._algebra import Shifted as Shifted
from ._algebra import Sum as Sum
from ._base import Convex as Convex
from ._base import NotAvailableError as NotAvailableError
from ._elementwise import L1 as L1
from ._elementwise import AsymmetricBox as AsymmetricBox
from ._elementwise import DeadZone as DeadZone
from ._norms import GroupL2 as GroupL2
from ._norms import LInf as LInf
from ._norms import Lp as Lp
from ._norms import TopK as TopK
from ._product import Product as Product
from ._quadratic import HalfSquare as HalfSquare
from ._quadratic import Quadratic as Quadratic
from ._simplex import LogSumExp as LogSumExp
from ._simplex import Max as Max
from ._smooth import Huber as Huber
from ._smooth import LogCosh as LogCosh
from ._smooth import PseudoHuber as PseudoHuber
from ._smooth import SmoothedL1 as SmoothedL1
from ._spectral import KyFan as KyFan
from ._spectral import Nuclear as Nuclear
from ._spectral import Schatten as Schatten

__all__ = [
    "L1",
    "AsymmetricBox",
    "Convex",
    "DeadZone",
    "GroupL2",
    "HalfSquare",
    "Huber",
    "KyFan",
    "LInf",
    "LogCosh",
    "LogSumExp",
    "Lp",
    "Max",
    "NotAvailableError",
    "Nuclear",
    "Product",
    "PseudoHuber",
    "Quadratic",
    "Scaled",
    "Schatten",
    "Shifted",
    "SmoothedL1",
    "Sum",
    "TopK",
]
