"""Shares of outcomes with intervals that hold: at once, alone, over start states, between ensembles, while looking."""

from .binomial import clopper_pearson, never_seen, sticking, wilson
from .bootstrap import cluster_bootstrap
from .clusters import Clustered, ClusteredShare, clustered_shares
from .compare import Comparison, Difference, compare, holm
from .convergence import (
    Convergence,
    Scatter,
    SetRow,
    SubsetSpread,
    convergence,
    random_subsets,
    scatter,
    tables_at,
)
from .counting import Share
from .distance import Distance, total_variation
from .homogeneity import homogeneity
from .multinomial import doubt, exact, goodman, outcome_table, sison_glaz
from .sequences import confidence_sequence, evidence_against, prior_for
from .stopping import Decision, required

__all__ = [
    "Clustered",
    "ClusteredShare",
    "Comparison",
    "Convergence",
    "Decision",
    "Difference",
    "Distance",
    "Scatter",
    "SetRow",
    "Share",
    "SubsetSpread",
    "clopper_pearson",
    "cluster_bootstrap",
    "clustered_shares",
    "compare",
    "confidence_sequence",
    "convergence",
    "doubt",
    "evidence_against",
    "exact",
    "goodman",
    "holm",
    "homogeneity",
    "never_seen",
    "outcome_table",
    "prior_for",
    "random_subsets",
    "required",
    "scatter",
    "sison_glaz",
    "sticking",
    "tables_at",
    "total_variation",
    "wilson",
]
