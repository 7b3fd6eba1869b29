"""The ground of the house: what a dialogue, a request, a verdict, a row and a release are.

Nothing here reads a file, asks a model or knows how a release is built; everything else imports from here.
"""
