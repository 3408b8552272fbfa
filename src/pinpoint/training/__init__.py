"""From labelled pictures to weights, and from weights to files that other engines run."""

from pinpoint.training.run import Listener, Plan, plan, train

__all__ = ["Listener", "Plan", "plan", "train"]
