"""Asking through a provider's Batch API: half the price, within a day, whether the command runs or not."""
