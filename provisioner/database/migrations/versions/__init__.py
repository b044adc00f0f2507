"""One file per version, in order; never edited after a release."""
