"""Files of frames on this machine → :class:`~aiida_mlgun.science.frames.Frames`, chunk by chunk."""
