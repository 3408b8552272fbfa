"""The parts of `pinpoint evaluate`: labels, runs, numbers, and how they are told."""
