"""Work on many machines: the same conversations, wrappers and measures inside Ray. Nothing outside knows Ray."""
