"""People look at a release: blind sheets go out, filled ones come back, and their agreement stands in the release."""
