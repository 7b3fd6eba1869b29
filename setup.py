"""Maps the top-level folders to one package, `ipm_prefdial`; everything else stands in pyproject.toml.

A list in pyproject.toml would have to name every sub-package by hand, and setuptools leaves out what a list lacks
without a word. Folders of data, such as `recipes/yaml`, count as packages, too. The option in pyproject.toml cannot
rename what it finds, so the mapping is made here.
"""

from setuptools import find_namespace_packages, setup

FOLDERS = ("schemas", "prompts", "builders", "cards", "recipes")
FOUND = find_namespace_packages(include=[*FOLDERS, *(f"{folder}.*" for folder in FOLDERS)])

setup(
    packages=[f"ipm_prefdial.{name}" for name in FOUND if "__pycache__" not in name],
    package_dir={f"ipm_prefdial.{folder}": folder for folder in FOLDERS},
)
