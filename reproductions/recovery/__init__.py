"""Reproductions of the claims about ``signwise.recovery``; ``python -m reproductions recovery/NAME`` runs one."""
