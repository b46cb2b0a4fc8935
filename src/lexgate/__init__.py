"""lexgate: constitutions, critics, evaluations and gates for models that are about to be promoted.

The rooms, each importing only from those before it: `constitutions`, `critic`, `evals`, `gates`,
`loop`, `app`. Importing this package loads none of them.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
