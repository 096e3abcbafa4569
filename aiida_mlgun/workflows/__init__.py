"""WorkChains: order, gates, recovery.  No array maths outside calcfunctions."""
