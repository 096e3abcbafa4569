"""What runs on the compute machine: torch and MACE, no AiiDA."""
