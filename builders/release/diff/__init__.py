"""What differs between two releases: rows are matched by their ids, and compared by digests of their cells."""
