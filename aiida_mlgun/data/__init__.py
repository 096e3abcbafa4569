"""AiiDA data nodes: labelled frames, models, ensembles of shots."""
