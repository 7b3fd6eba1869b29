"""The command `ipm-prefdial`: one file for each group of verbs, which parses arguments, calls the API and prints.

`main` turns every error into one line and its exit code; `show` prints. No other package imports these.
"""
