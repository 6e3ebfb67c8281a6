"""``alphadial judge PATH`` and ``alphadial rejudge``: whole sets of problems with labelled solutions."""
