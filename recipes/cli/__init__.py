"""The verbs `recipe` and `evaluate` of the command; `recipe run` has two workflows, `mine` and `validate-release`."""
