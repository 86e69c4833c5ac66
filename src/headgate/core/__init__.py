"""The words everything else is said in. No I/O, and no import of ours."""
