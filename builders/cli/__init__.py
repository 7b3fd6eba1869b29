"""The command `ipm-prefdial`: the roof of the house. One file a verb; nothing imports from here."""
