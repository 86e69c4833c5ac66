"""The semantic cache: answers to questions that mean the same, under a stated bound on wrong ones."""
