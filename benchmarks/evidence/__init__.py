"""Evidence for what the suite claims of itself: programs that measure the measuring. Not part of a test run."""
