"""Reproductions of the claims about ``signwise.optim``; ``python -m reproductions optim/NAME`` runs one."""
