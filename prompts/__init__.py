"""What is said to models and how their answers are read. A released prompt is never edited; see `prompts.lock`."""
