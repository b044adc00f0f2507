"""Which machines there are: names, MACs, what was observed, their names in DNS."""
