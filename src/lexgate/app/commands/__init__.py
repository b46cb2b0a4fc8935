"""One module per verb, each imported only when its verb is used."""

__all__: list[str] = []
