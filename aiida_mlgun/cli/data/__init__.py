"""``verdi data mlgun.frames|mlgun.model|mlgun.shots``."""
