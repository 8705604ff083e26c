"""Medians, percentiles and ratios round by round over what the rounds gave."""

import math
import statistics


def percentile(values, share):
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


class Figures:
    """`rounds`: a list of {measure: {path: {figure: number}}}; what failed is simply absent."""

    def __init__(self, rounds):
        self.rounds = rounds

    def values(self, measure, path, figure):
        found = []
        for each in self.rounds:
            value = each.get(measure, {}).get(path, {}).get(figure)
            if value is not None:
                found.append(value)
        return found

    def median(self, measure, path, figure):
        found = self.values(measure, path, figure)
        return statistics.median(found) if found else None

    def ratios(self, measure, ours, theirs, figure):
        """ours / theirs in every round that has both."""
        found = []
        for each in self.rounds:
            paths = each.get(measure, {})
            a = paths.get(ours, {}).get(figure)
            b = paths.get(theirs, {}).get(figure)
            if a is not None and b:
                found.append(a / b)
        return found

    def ratio(self, measure, ours, theirs, figure):
        found = self.ratios(measure, ours, theirs, figure)
        return statistics.median(found) if found else None
