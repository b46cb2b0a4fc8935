"""Critics and candidates behind HTTP: OpenAI's API and whatever speaks it."""
