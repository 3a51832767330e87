"""Settings of the documentation; `make docs` builds it with warnings as errors and without a network."""

import importlib.util

import signwise

project = "signwise"
author = "The signwise developers"
project_copyright = author
version = release = signwise.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# A reference page is built when its package is there.
exclude_patterns = ["_build"] + [
    f"reference/{name}.md" for name in signwise._SUBPACKAGES if importlib.util.find_spec(f"signwise.{name}") is None
]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 100
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
doctest_test_doctest_blocks = "default"

html_theme = "furo"
html_title = f"signwise {version}"
