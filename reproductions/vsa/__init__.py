"""Reproductions of the claims about ``signwise.vsa``; ``python -m reproductions vsa/NAME`` runs one."""
