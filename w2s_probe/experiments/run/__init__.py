"""Teacher, student, baseline and ceiling on every split, their scores and the result."""
