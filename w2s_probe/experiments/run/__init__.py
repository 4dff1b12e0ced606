"""One run: fits teacher, student, baseline and ceiling on each split and summarizes their scores."""
