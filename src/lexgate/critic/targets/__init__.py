"""Compile targets: what a constitution becomes for critics, for other tools and for people."""
