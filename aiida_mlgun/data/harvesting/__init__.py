"""Labelled frames from the outputs of other plugins' calculations, recognised by what they hold."""
