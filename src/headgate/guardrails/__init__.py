"""What looks at the text of requests and answers, and may mask or refuse it."""
