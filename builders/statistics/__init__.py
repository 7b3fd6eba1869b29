"""Statistics that audits, reviews and evaluations share: intervals, bounds, agreement and near-duplicates."""
