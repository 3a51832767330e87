"""Timings of signwise beside the best public alternative; see README.md."""
