"""Guard models as critics, each asked in the format it was trained on; one file per family."""
