"""What a policy can do within an attempt: the tools of each setting, run once and journaled."""
