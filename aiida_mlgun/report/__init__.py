"""Tables → figures → one HTML page; takes arrays and plain tables, never nodes."""
