"""Questions to the whole profile: which shots there are, and which data made them."""
