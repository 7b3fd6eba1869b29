"""Publishes a release to the Hub in steps that are each safe to repeat."""
