"""The notebooks, the pickers and what is shown, in a real browser: JupyterLab on loopback, Chromium without a window."""
