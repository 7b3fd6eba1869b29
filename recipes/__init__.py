"""The reference recipes: training, serving and evaluating on a release, with what the field uses anyway."""
