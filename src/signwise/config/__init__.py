"""TOML to frozen dataclasses and back; an unknown key is an error that names the nearest one."""

from ._read import from_dict as from_dict
from ._read import load as load
from ._write import dumps as dumps
from ._write import to_dict as to_dict

__all__ = ["dumps", "from_dict", "load", "to_dict"]
