"""Navigation only: Streamlit runs this file for every visit and every change of a widget."""

import streamlit as st

from lexgate.app import urls
from lexgate.app.views import decision, run, runs, sample

# No icons here: Streamlit would fetch them for the browser's tab from a font server.
st.set_page_config(page_title="lexgate review", layout="wide")
pages = [
    st.Page(runs.page, title="Runs", default=True),
    st.Page(decision.page, title="Decision", url_path=urls.DECISION, visibility="hidden"),
    st.Page(run.page, title="Run", url_path=urls.RUN, visibility="hidden"),
    st.Page(sample.page, title="Sample", url_path=urls.SAMPLE, visibility="hidden"),
]
st.navigation(pages, position="hidden").run()
