"""What an answer and its context are worth: text, evidence, and the verdict of a judge."""
