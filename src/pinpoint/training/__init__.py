"""From labelled pictures to weights, and from weights to files that other engines run."""
