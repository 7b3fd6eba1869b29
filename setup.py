"""Maps the top-level folders to one package, `ipm_prefdial`; everything else stands in pyproject.toml.

A list in pyproject.toml would have to name every sub-package by hand, and setuptools leaves out what a list lacks
without a word. `find_packages` cannot rename what it finds there, so the mapping is made here.
"""

from setuptools import find_packages, setup

FOLDERS = ("schemas", "prompts", "builders", "cards", "recipes")

setup(
    packages=[f"ipm_prefdial.{name}" for name in find_packages(include=[*FOLDERS, *(f"{one}.*" for one in FOLDERS)])],
    package_dir={f"ipm_prefdial.{folder}": folder for folder in FOLDERS},
)
