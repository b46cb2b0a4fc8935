"""Formats that are read and written: one module each, and what they share."""
