"""The commands of the recipes; `builders.cli.main` mounts them."""
