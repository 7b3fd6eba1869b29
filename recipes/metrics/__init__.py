"""What is measured of a system's strategies and replies: one file a family of metrics, all over the same sample."""
