"""Floor 6, what people touch: the command line (`main`) and the review pages (`review`).

Importing this package loads neither: the command line must start fast, the pages load Streamlit.
"""

__all__: list[str] = []
