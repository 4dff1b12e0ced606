"""What is written from the code: ``python -m docs`` (``make docs``)."""
