"""What preference data is like: one file a measure, all over one stream of batches."""
