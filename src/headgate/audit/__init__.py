"""The audit log as people use it: who did it, what was refused, whether all of it is still as it was written."""
