"""Notebooks, pickers and all that is shown, in a real browser: JupyterLab on loopback, Chromium without a window."""
