"""Choose the frames that say most: farthest points, or an even share of each cluster.  Repeats come last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from ..contract.errors import RefusedError
from .frames import Floats, Ints

#: two points nearer than this share of the largest distance from the centre are the same point
SAME = 1e-6
#: two distances that differ by less than this share are equal: the lower index wins, whatever the last digit says
TIE = 1e-9


def farthest_points(points: Floats, k: int) -> Ints:
    """(k,), indices in order: first the point nearest to the mean, then always the one farthest from all chosen.

    Gonzalez' greedy rule (Theor. Comput. Sci. 38, 293 (1985)): the largest distance of any point to the chosen ones
    is at most twice the smallest possible with k points.  Time n·k·d, memory n·d.

    :param points: (n, d).
    :raises RefusedError: k outside 1 … n.
    """
    _check(k, len(points))
    centred, squares, same = _centred(points)
    gap = np.full(len(points), np.inf)  # squared distance to the nearest chosen point; −1: chosen
    chosen = np.empty(k, dtype=np.int64)
    new = int(np.argmax(squares <= squares.min() + TIE * squares.max()))
    for i in range(k):
        if i:
            best = gap.max()
            if best <= same:  # only repeats of chosen points are left
                chosen[i:] = np.flatnonzero(gap >= 0)[: k - i]
                break
            new = int(np.argmax(gap >= best * (1 - TIE)))
        chosen[i] = new
        np.minimum(gap, _squared(centred, squares, new), out=gap)
        gap[new] = -1.0
    return chosen


def stratified(points: Floats, k: int, rng: np.random.Generator, clusters: int = 0) -> Ints:
    """(k,), indices: k-means clusters as strata, an equal share drawn from each, a cluster too small giving all it has.

    With as many clusters as points to choose, the default, one is drawn from each (J. Qi et al., npj Comput. Mater.
    10, 43 (2024), who cluster otherwise).  Fewer clusters leave more to chance.

    One of each cluster, then a second of each, and so on: the first k′ < k of them are stratified too.  Of equal
    points the first stands for all; the others are drawn when no other is left.

    :param points: (n, d).
    :param clusters: number of clusters, at most k; 0: k.
    :raises RefusedError: k outside 1 … n.
    """
    _check(k, len(points))
    centred, _, same = _centred(points)
    grain = np.sqrt(same) or 1.0
    _, first = np.unique(np.round(centred / grain) + 0.0, axis=0, return_index=True)
    first = np.sort(first).astype(np.int64)
    if k >= len(first):
        rest = np.setdiff1d(np.arange(len(points)), first)
        return np.concatenate([first, rng.permutation(rest)[: k - len(first)]])
    clusters = min(clusters or k, k)
    kmeans = MiniBatchKMeans(clusters, random_state=int(rng.integers(2**31)), n_init=1, batch_size=4096)
    label = kmeans.fit_predict(centred[first])
    share = shares(np.bincount(label, minlength=clusters), k)
    members = [first[label == c][rng.permutation(int((label == c).sum()))[: share[c]]] for c in range(clusters)]
    turn = np.concatenate([np.arange(len(m)) for m in members])
    return np.concatenate(members)[np.argsort(turn, kind="stable")]


def shares(sizes: NDArray[np.integer], k: int) -> Ints:
    """Split k over groups of these sizes as evenly as their sizes allow; what is left over goes to the larger ones."""
    share = np.zeros(len(sizes), dtype=np.int64)
    while (left := k - int(share.sum())) > 0:
        room = np.asarray(sizes) - share
        order = np.argsort(-room, kind="stable")
        open_ = order[room[order] > 0]
        each = left // len(open_)
        if each:
            share[open_] += np.minimum(each, room[open_])
        else:
            share[open_[:left]] += 1
    return share


def steps(points: Floats, order: Ints) -> Floats:
    """(k,), the distance of each chosen point to the nearest one chosen before it; NaN for the first."""
    centred, squares, same = _centred(points)
    part, squares = centred[order], squares[order]
    gap, found = np.full(len(order), np.inf), np.full(len(order), np.nan)
    for i in range(1, len(order)):
        np.minimum(gap, _squared(part, squares, i - 1), out=gap)
        found[i] = 0.0 if gap[i] <= same else np.sqrt(gap[i])
    return found


def _check(k: int, n: int) -> None:
    if not 1 <= k <= n:
        raise RefusedError(f"{k} frames cannot be chosen from {n} (isolated atoms do not count). Lower n_select.")


def _centred(points: Floats) -> tuple[Floats, Floats, float]:
    """Points about their mean, their squared distances from it, and the squared distance that counts as none."""
    centred = np.ascontiguousarray(points - points.mean(axis=0))
    squares = np.einsum("ij,ij->i", centred, centred)
    return centred, squares, SAME**2 * float(squares.max())


def _squared(points: Floats, squares: Floats, i: int) -> Floats:
    """(n,), squared distances to point i by |a − b|² = |a|² + |b|² − 2 a·b: one pass over the memory."""
    result: Floats = squares + squares[i] - 2.0 * (points @ points[i])
    return np.maximum(result, 0.0, out=result)
