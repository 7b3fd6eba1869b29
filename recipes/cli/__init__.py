"""The verbs `recipe` and `evaluate` of the command, with the workflows `mine` (`loop`) and `validate-release` (`study`)."""
