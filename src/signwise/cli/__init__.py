"""The command ``signwise``; each verb has a Python twin."""

from ._app import main as main

__all__ = ["main"]
