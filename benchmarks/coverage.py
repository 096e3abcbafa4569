"""How often intervals hold: at a fixed number of shots, over start states, and over a campaign that looks at itself.

``python benchmarks/coverage.py`` prints one line per simulated case and ends with
``coverage: coverage_fixed_n=… coverage_goodman=… coverage_sequential=… coverage_states=…``: the worst case of each,
nominal 0.95.  ``coverage_fixed_n`` is that of the exact intervals, all shares at once.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from aiida_mlgun.science.statistics import cluster_bootstrap, clustered_shares, exact, goodman, required, sison_glaz
from aiida_mlgun.science.statistics.simulation import campaigns, coverage_fixed, two_kinds_of_states

#: True shares: like the paper's thirteen classes, rare modes beside a frequent one, all alike, two big ones.
TRUTHS = {
    "thirteen": (0.3, 0.2, 0.15, 0.1, 0.08, 0.05, 0.04, 0.03, 0.02, 0.01, 0.01, 0.005, 0.005),
    "rare": (0.98, 0.01, 0.005, 0.003, 0.002),
    "even": (0.125,) * 8,
    "halves": (0.49, 0.49, 0.02),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5000)
    parser.add_argument("--clustered", type=int, default=1000, help="repetitions with start states, which are slower")
    args = parser.parse_args()
    begun = time.perf_counter()
    fixed, approximate = fixed_n(args.repetitions)
    sequential = min(sequentially(args.repetitions))
    states = min(over_states(args.clustered))
    at_once_over_states(max(args.clustered // 3, 1))
    looking_over_states(max(args.clustered // 10, 1))
    print(f"{time.perf_counter() - begun:.0f} s")
    line = f"coverage_fixed_n={fixed:.4f} coverage_goodman={approximate:.4f} coverage_sequential={sequential:.4f}"
    print(f"coverage: {line} coverage_states={states:.4f}")


def fixed_n(repetitions: int) -> tuple[float, float]:
    """The worst case of exact and of Goodman's intervals, all shares at once; Sison and Glaz's are printed."""
    found = []
    for name, shares in TRUTHS.items():
        for n in (50, 200, 1000):
            both = [coverage_fixed(shares, n, repetitions, seed=n, interval=i) for i in (exact, goodman)]
            found.append(both)
            print(f"fixed n={n:<5d} {name:9s} exact {both[0]:.4f} goodman {both[1]:.4f}", flush=True)
    some = min(repetitions, 300)
    print(f"fixed n=200   even      sison-glaz {coverage_fixed(TRUTHS['even'], 200, some, 1, interval=sison_glaz):.3f}")
    worst = np.min(found, axis=0)
    return float(worst[0]), float(worst[1])


def sequentially(repetitions: int) -> list[float]:
    """All shares at every look; beside it what stopping by Goodman's intervals does."""
    found = []
    for name, shares in TRUTHS.items():
        for target, batch in ((0.05, 20), (0.03, 100)):
            run = campaigns(shares, target, batch, repetitions, seed=batch)
            found.append(run.throughout)
            print(
                f"sequential ±{target} every {batch:<4d}{name:9s} throughout {run.throughout:.4f}"
                f" at the end {run.at_the_end:.4f} shots {run.shots:.0f} width/fixed {run.width_ratio:.2f}",
                flush=True,
            )
    return found


def over_states(repetitions: int) -> list[float]:
    """Each share by itself, ten start states of the slab, alone or crossed with ten of the molecule."""
    found = []
    for correlation in (0.0, 0.02, 0.1):
        for second in (1, 10):
            for n in (100, 1000):
                ours, percentile = share_of_states(n, (10, second), correlation, repetitions)
                found.append(ours)
                print(
                    f"states 10x{second:<3d} ρ={correlation:<5g} n={n:<5d} ours {ours:.3f} percentiles {percentile:.3f}"
                )
    return found


def share_of_states(n: int, states: tuple[int, int], correlation: float, repetitions: int) -> tuple[float, float]:
    """Coverage of the worst of three modes, by :func:`clustered_shares` and by percentiles of the bootstrap."""
    shares = np.array([0.6, 0.35, 0.05])
    names = np.array(["a", "b", "c"])
    rng = np.random.default_rng(n)
    held = np.zeros((2, 3))
    for _ in range(repetitions):
        column, slab, molecule = two_kinds_of_states(shares, n, states, correlation, rng)
        words, kinds = names[column].tolist(), [slab, molecule][: 2 if states[1] > 1 else 1]
        ours = clustered_shares(words, *kinds, modes=names.tolist()).shares
        crossed = molecule if states[1] > 1 else None
        drawn = cluster_bootstrap(words, slab, 1, names.tolist(), crossed_with=crossed, resamples=400)
        held[0] += [row.low <= p <= row.high for row, p in zip(ours, shares, strict=True)]
        held[1] += [row.low <= p <= row.high for row, p in zip(drawn, shares, strict=True)]
    worst = held.min(axis=1) / repetitions
    return float(worst[0]), float(worst[1])


def at_once_over_states(repetitions: int) -> None:
    """All shares at once where ten start states of each kind are shared: what a table's intervals miss, and cost."""
    for name in ("thirteen", "rare"):
        shares = np.array(TRUTHS[name])
        modes = [str(i) for i in range(len(shares))]
        for correlation in (0.0, 0.02, 0.1):
            for n in (50, 200, 1000):
                rng = np.random.default_rng(n)
                held, width = np.zeros(3), np.zeros(3)
                for _ in range(repetitions):
                    column, *states = two_kinds_of_states(shares, n, (10, 10), correlation, rng)
                    counts = np.bincount(column, minlength=len(shares))
                    found = clustered_shares([modes[i] for i in column], *states, modes=modes, simultaneous=True).shares
                    over = np.array([(row.low, row.high) for row in found])
                    for k, (low, high) in enumerate(x.T for x in (exact(counts), goodman(counts), over)):
                        held[k] += bool(((low <= shares) & (shares <= high)).all())
                        width[k] += (high - low).mean()
                told = zip(("exact", "goodman", "over states"), held / repetitions, width / repetitions, strict=True)
                words = "  ".join(f"{what} {part:.3f} (width {mean:.3f})" for what, part, mean in told)
                print(f"at once 10x10 {name:9s} ρ={correlation:<5g} n={n:<5d} {words}", flush=True)


def looking_over_states(repetitions: int) -> None:
    """The documented rule for start states in a campaign: the design effect so far, thirty start states."""
    shares = np.array([0.6, 0.35, 0.05])
    names = ["a", "b", "c"]
    for correlation in (0.0, 0.02, 0.1):
        rng = np.random.default_rng(7)
        held, plain = 0, 0
        for _ in range(repetitions):
            column, slab, _ = two_kinds_of_states(shares, 2000, (30, 1), correlation, rng)
            good, naive = True, True
            for n in range(200, 2001, 200):
                words = [names[i] for i in column[:n]]
                counts = np.bincount(column[:n], minlength=3)
                found = clustered_shares(words, slab[:n], modes=names)
                effect = found.design_effect or 1.0
                kept = required(counts, 0.05, names, design_effect=effect, n_states=found.n_states[0])
                alone = required(counts, 0.05, names)
                good &= all(row.low <= p <= row.high for row, p in zip(kept.intervals, shares, strict=True))
                naive &= all(row.low <= p <= row.high for row, p in zip(alone.intervals, shares, strict=True))
            held += good
            plain += naive
        print(
            f"campaign over 30 states ρ={correlation:<5g} with the design effect {held / repetitions:.3f}"
            f" without {plain / repetitions:.3f}"
        )


if __name__ == "__main__":
    main()
