"""What a release says of itself to people: views of its files, with no number typed by hand."""
