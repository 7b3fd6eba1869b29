"""The specs of all releases, one YAML file each, with the lock that holds the released ones; `released` reads them."""
