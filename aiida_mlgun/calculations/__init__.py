"""One CalcJob per verb: write ``job.json``, say which files go and come."""
