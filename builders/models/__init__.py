"""Asking models: one seam (`client`), and everything that wraps it. Knows requests and outcomes, never datasets."""
