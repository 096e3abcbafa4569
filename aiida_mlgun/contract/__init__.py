"""What crosses between the two machines: job descriptions, file names, the manifest, the table of statuses."""
